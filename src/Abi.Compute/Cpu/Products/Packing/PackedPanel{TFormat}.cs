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
                UnpackScales(units, packed, some, scales, Panel.Outputs, recordBytes);
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

    /// <summary>Makes the scales and minimums of some blocks of a stretch float32.</summary>
    /// <param name="units">The units of the group, where there are any.</param>
    /// <param name="packed">The scales of the first block.</param>
    /// <param name="blocks">The blocks, at least 1.</param>
    /// <param name="scales">Where they go.</param>
    /// <param name="nextScale">The floats from a scale of a block to the next.</param>
    /// <param name="nextBlock">The bytes from the scales of a block to those of the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void UnpackScales(byte* units, byte* packed, int blocks, float* scales, nint nextScale, nint nextBlock)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            UnpackScales512(units, packed, blocks, scales, nextScale, nextBlock);
        }
        else
        {
            UnpackScales256(units, packed, blocks, scales, nextScale, nextBlock);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackScales512(byte* units, byte* packed, int blocks, float* scales, nint nextScale, nint nextBlock)
    {
        var (unit, minimumUnit) = (Vector512<float>.Zero, Vector512<float>.Zero);
        if (TFormat.ScaleForm == ScaleForm.Super)
        {
            unit = HalfLanes.Load16((Half*)units) * TFormat.UnitFactor;
            minimumUnit = TFormat.HasMinimum ? -HalfLanes.Load16((Half*)(units + 32)) : default;
        }

        for (var block = 0; block < blocks; block++, scales = (float*)((byte*)scales + nextBlock))
        {
            if (HasSharedByte)
            {
                for (var s = 0; s < TFormat.Scales; s++, packed += 16)
                {
                    var both = Multiples(packed);
                    (unit * Vector512.ConvertToSingle(both & Vector512.Create(15))).Store(scales + (s * nextScale));
                    (minimumUnit * Vector512.ConvertToSingle((both >> 4) & Vector512.Create(15))).Store(scales + ((TFormat.Scales + s) * nextScale));
                }

                continue;
            }

            for (var s = 0; s < Factors; s++)
            {
                var to = scales + (s * nextScale);
                switch (TFormat.ScaleForm)
                {
                    case ScaleForm.Half:
                        HalfLanes.Load16((Half*)packed).Store(to);
                        packed += 32;
                        break;
                    case ScaleForm.Super:
                        ((s >= TFormat.Scales ? minimumUnit : unit) * Vector512.ConvertToSingle(Multiples(packed))).Store(to);
                        packed += 16;
                        break;
                    case ScaleForm.Power:
                        var e = Multiples(packed) & Vector512.Create(255);
                        var normal = (e - Vector512<int>.One) << 23;
                        Vector512.ConditionalSelect(Vector512.LessThan(e, Vector512.Create(2)), Vector512.Create(1 << 21) + (e << 21), normal).AsSingle().Store(to);
                        packed += 16;
                        break;
                    default:
                        Vector512.Load((float*)packed).Store(to);
                        packed += 64;
                        break;
                }
            }
        }
    }

    /// <summary>Sixteen signed bytes as integers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Multiples(byte* bytes)
    {
        var all = Vector128.Load((sbyte*)bytes);
        if (Avx512F.IsSupported)
        {
            return Avx512F.ConvertToVector512Int32(all);
        }

        var (low, high) = Vector128.Widen(all);
        return Vector512.Create(Vector256.Create(Vector128.WidenLower(low), Vector128.WidenUpper(low)), Vector256.Create(Vector128.WidenLower(high), Vector128.WidenUpper(high)));
    }

    /// <summary>The same in vectors of 8, which stay vectors where those of 16 become calls.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void UnpackScales256(byte* units, byte* packed, int blocks, float* scales, nint nextScale, nint nextBlock)
    {
        var (unit0, unit1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var (minimum0, minimum1) = (unit0, unit1);
        if (TFormat.ScaleForm == ScaleForm.Super)
        {
            (unit0, unit1) = (HalfLanes.Load8((Half*)units) * TFormat.UnitFactor, HalfLanes.Load8((Half*)(units + 16)) * TFormat.UnitFactor);
            if (TFormat.HasMinimum)
            {
                (minimum0, minimum1) = (-HalfLanes.Load8((Half*)(units + 32)), -HalfLanes.Load8((Half*)(units + 48)));
            }
        }

        for (var block = 0; block < blocks; block++, scales = (float*)((byte*)scales + nextBlock))
        {
            for (var s = 0; s < (HasSharedByte ? TFormat.Scales : Factors); s++)
            {
                var to = scales + (s * nextScale);
                switch (TFormat.ScaleForm)
                {
                    case ScaleForm.Half:
                        HalfLanes.Widen16((Half*)packed, to);
                        packed += 32;
                        break;
                    case ScaleForm.Super:
                        var (low, high) = Integers(packed);
                        packed += 16;
                        if (HasSharedByte)
                        {
                            var minimums = to + (TFormat.Scales * nextScale);
                            (minimum0 * Vector256.ConvertToSingle((low >> 4) & Vector256.Create(15))).Store(minimums);
                            (minimum1 * Vector256.ConvertToSingle((high >> 4) & Vector256.Create(15))).Store(minimums + 8);
                            (low, high) = (low & Vector256.Create(15), high & Vector256.Create(15));
                        }

                        ((s >= TFormat.Scales ? minimum0 : unit0) * Vector256.ConvertToSingle(low)).Store(to);
                        ((s >= TFormat.Scales ? minimum1 : unit1) * Vector256.ConvertToSingle(high)).Store(to + 8);
                        break;
                    case ScaleForm.Power:
                        var (e0, e1) = Integers(packed);
                        Power(e0 & Vector256.Create(255)).Store(to);
                        Power(e1 & Vector256.Create(255)).Store(to + 8);
                        packed += 16;
                        break;
                    default:
                        Vector256.Load((float*)packed).Store(to);
                        Vector256.Load((float*)packed + 8).Store(to + 8);
                        packed += 64;
                        break;
                }
            }
        }
    }

    /// <summary>Sixteen signed bytes as integers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<int> Low, Vector256<int> High) Integers(byte* bytes)
    {
        if (Avx2.IsSupported)
        {
            return (Avx2.ConvertToVector256Int32((sbyte*)bytes), Avx2.ConvertToVector256Int32((sbyte*)bytes + 8));
        }

        var (low, high) = Vector128.Widen(Vector128.Load((sbyte*)bytes));
        return (Vector256.Create(Vector128.WidenLower(low), Vector128.WidenUpper(low)), Vector256.Create(Vector128.WidenLower(high), Vector128.WidenUpper(high)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Power(Vector256<int> e) =>
        Vector256.ConditionalSelect(Vector256.LessThan(e, Vector256.Create(2)), Vector256.Create(1 << 21) + (e << 21), (e - Vector256<int>.One) << 23).AsSingle();
}
