using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;

namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>
/// Panels as <see cref="PackedLayout"/> has them. The codes of a block are planes of bits of the 8 vectors [16 outputs][4 columns] of <see cref="Int8Panel{TFormat}"/>: nibbles (vector j low, j + 4 high),
/// pairs (4 vectors a byte) and single bits (8 vectors a byte), the lowest bits first; 8-bit codes are the vectors themselves.
/// </summary>
internal static unsafe class PackedPanel<TFormat>
    where TFormat : struct, ILevelFormat
{
    /// <summary>How panels lie in memory.</summary>
    public static PackedLayout Layout => new(TFormat.CodeBits, TFormat.ScaleForm, TFormat.Scales, TFormat.HasMinimum);

    /// <summary>As <see cref="PackedLayout.Factors"/>, for loops in which it has to be a constant.</summary>
    public static int Factors
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.Scales * (TFormat.HasMinimum ? 2 : 1);
    }

    /// <summary>As <see cref="PackedLayout.HasSharedByte"/>, for the same loops.</summary>
    public static bool HasSharedByte
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.ScaleForm == ScaleForm.Super && TFormat.Scales == 2 && TFormat.HasMinimum;
    }

    /// <summary>Unpacks one piece to the records that tiles read.</summary>
    public static void Unpack(byte* packed, int blocks, byte* panel)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Unpack<Vector512<int>, Lanes16, Vector512<float>>(packed, blocks, panel);
        }
        else if (Avx2.IsSupported)
        {
            Unpack<Vector256<int>, Lanes8, Vector256<float>>(packed, blocks, panel);
        }
        else
        {
            Unpack<Vector128<int>, Lanes4, Vector128<float>>(packed, blocks, panel);
        }
    }

    /// <summary>Asks for the beginning of a panel, as far as <see cref="Unpack"/> asks ahead: what follows comes by itself.</summary>
    public static void Prefetch(byte* packed, int blocks)
    {
        if (Sse.IsSupported)
        {
            for (long i = 0, end = Math.Min(ReadingAhead.Bytes, Layout.PanelBytes(blocks)); i < end; i += 64)
            {
                Sse.Prefetch0(packed + i);
            }
        }
    }

    /// <summary>Asks ahead for as many lines as are read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchLines(byte* at, nint bytes)
    {
        if (Sse.IsSupported)
        {
            for (nint i = 0; i < bytes; i += 64)
            {
                Sse.Prefetch0(at + ReadingAhead.Bytes + i);
            }
        }
    }

    /// <summary>The unsigned levels of the codes, for each 16 bytes again; nothing where a code is a level.</summary>
    public static Vector512<byte> Table()
    {
        if (TFormat.Table.IsEmpty)
        {
            return default;
        }

        var levels = stackalloc byte[64];
        for (var i = 0; i < 64; i++)
        {
            levels[i] = i % 16 < TFormat.Table.Length ? (byte)(TFormat.Table[i % 16] + (1 << TFormat.OffsetShift)) : (byte)0;
        }

        return Vector512.Load(levels);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Unpack<TIntegers, TLanes, TFloats>(byte* packed, int blocks, byte* panel)
        where TLanes : struct, ILanes<TFloats>, IIntegerLanes<TIntegers, TFloats>
    {
        var table = PackedCodes<TFormat, TIntegers, TLanes, TFloats>.Table();
        var layout = Layout; // asked for once, like what follows: within the loop it would be calls
        nint recordBytes = Int8Panel<TFormat>.RecordBytes;
        nint codeBytes = layout.CodeBytes;
        nint scaleBytes = layout.StretchScaleBytes;
        nint unitBytes = layout.UnitBytes;
        var together = layout.StretchBlocks;
        for (var group = 0; group < Panel.Outputs / Panel.GroupOutputs; group++)
        {
            var record = panel + (group * 512);
            var scales = (float*)(panel + Int8Panel<TFormat>.LevelBytes) + (group * Panel.GroupOutputs);
            var units = packed;
            packed += unitBytes;
            for (var block = 0; block < blocks; block += together)
            {
                var some = Math.Min(together, blocks - block);
                PackedScales<TFormat, TIntegers, TLanes, TFloats>.Unpack(units, packed, some, scales, Panel.Outputs, recordBytes);
                packed += scaleBytes;
                scales = (float*)((byte*)scales + (some * recordBytes));
                for (var i = 0; i < some; i++, packed += codeBytes, record += recordBytes)
                {
                    PrefetchLines(packed, codeBytes);
                    UnpackCodes<TIntegers, TLanes, TFloats>(packed, table, record);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackCodes<TIntegers, TLanes, TFloats>(byte* packed, TIntegers table, byte* levels)
        where TLanes : struct, ILanes<TFloats>, IIntegerLanes<TIntegers, TFloats>
    {
        for (var end = packed + 64; packed < end; packed += 4 * TLanes.Count, levels += 4 * TLanes.Count)
        {
            UnpackTwo<TIntegers, TLanes, TFloats>(packed, table, levels, 0);
            UnpackTwo<TIntegers, TLanes, TFloats>(packed, table, levels, 1);
            UnpackTwo<TIntegers, TLanes, TFloats>(packed, table, levels, 2);
            UnpackTwo<TIntegers, TLanes, TFloats>(packed, table, levels, 3);
        }
    }

    /// <summary>Unpacks vectors <paramref name="j"/>, a constant, and j + 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackTwo<TIntegers, TLanes, TFloats>(byte* packed, TIntegers table, byte* levels, int j)
        where TLanes : struct, IIntegerLanes<TIntegers, TFloats>
    {
        var (low, high) = PackedCodes<TFormat, TIntegers, TLanes, TFloats>.Levels(packed, table, j);
        TLanes.StoreBytes(low, levels + (64 * j));
        TLanes.StoreBytes(high, levels + (64 * j) + 256);
    }
}
