using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;

namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>
/// How a panel of 64 outputs lies in memory: piece after piece of 256 columns, as they are read; in a piece, 4 groups of 16 outputs; in a group, the codes block after block of 32
/// columns, then the scales; or, where those of a block fill whole cache lines, block after block its codes and its scales. The codes of a block are planes of bits of the 8 vectors
/// [16 outputs][4 columns] of <see cref="Int8Panel{TFormat}"/>: nibbles (vector j low, j + 4 high), pairs (4 vectors a byte) and single bits (8 vectors a byte), the lowest bits first; 8-bit
/// codes are the vectors themselves.
/// </summary>
internal static unsafe class PackedPanel<TFormat>
    where TFormat : struct, ILevelFormat
{
    private const int Group = 16;

    /// <summary>How far ahead of reading memory is asked for: what a core reads while memory answers.</summary>
    public const int Ahead = 8192;

    /// <summary>The bytes of the codes of a group of 16 outputs in a block.</summary>
    public static int CodeBytes => 64 * TFormat.CodeBits;

    /// <summary>Whether a scale and its minimum are halves of one byte.</summary>
    public static bool HasSharedByte => TFormat.Scales == 2 && TFormat.HasMinimum;

    /// <summary>
    /// Whether the scales of a block lie behind its codes: where they fill cache lines, so that a panel is read line after line. Read at two places in turn, a line of scales after each few of codes,
    /// memory took up to twice the time.
    /// </summary>
    public static bool IsInterleaved => TFormat.ScaleForm != ScaleForm.Super && BlockScaleBytes % 64 == 0;

    /// <summary>The bytes from the codes of a block to those of the next.</summary>
    public static int BlockBytes => CodeBytes + (IsInterleaved ? BlockScaleBytes : 0);

    /// <summary>The bytes of the scales and minimums of a block; of superblocks, without their units.</summary>
    private static int BlockScaleBytes => TFormat.ScaleForm switch
    {
        ScaleForm.Half => 32 * Factors,
        ScaleForm.Single => 64 * Factors,
        ScaleForm.Super when HasSharedByte => 16 * TFormat.Scales,
        _ => 16 * Factors,
    };

    /// <summary>The bytes of the units of scales and minimums of a group, which stand before its scales.</summary>
    private static int UnitBytes => TFormat.ScaleForm != ScaleForm.Super ? 0 : TFormat.HasMinimum ? 64 : 32;

    private static int Factors => TFormat.Scales * (TFormat.HasMinimum ? 2 : 1);

    /// <summary>The bytes of a whole panel.</summary>
    /// <param name="blocks">The blocks of 32 columns.</param>
    public static long Bytes(int blocks) =>
        ((long)(blocks / Int8Panel.MaximumBlocks) * PieceBytes(Int8Panel.MaximumBlocks)) + PieceBytes(blocks % Int8Panel.MaximumBlocks);

    /// <summary>Where the piece that begins with a block lies.</summary>
    public static long PieceOffset(int block) => (long)(block / Int8Panel.MaximumBlocks) * PieceBytes(Int8Panel.MaximumBlocks);

    /// <summary>Unpacks one piece to the records that tiles read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(byte* packed, int blocks, byte* panel)
    {
        var table = Table();
        nint recordBytes = Int8Panel<TFormat>.RecordBytes; // asked for once, like what follows: within the loop it would be a call
        nint blockBytes = BlockBytes;
        nint scalesAt = ScalesAt(blocks);
        nint groupBytes = GroupBytes(blocks);
        var scales = (float*)(panel + Int8Panel<TFormat>.LevelBytes);
        for (var group = 0; group < 4; group++, scales += Group)
        {
            var record = panel + (group * 512);
            var codes = packed;
            for (var block = 0; block < blocks; block++, codes += blockBytes, record += recordBytes)
            {
                PrefetchBlock(codes + Ahead, blockBytes);
                UnpackCodes(codes, table, record);
            }

            UnpackScales(packed + scalesAt, blocks, scales);
            packed += groupBytes;
        }
    }

    /// <summary>Asks for the beginning of a panel, as far as <see cref="Unpack"/> asks ahead: what follows comes by itself.</summary>
    public static void Prefetch(byte* packed, int blocks)
    {
        if (Sse.IsSupported)
        {
            for (long i = 0, end = Math.Min(Ahead, Bytes(blocks)); i < end; i += 64)
            {
                Sse.Prefetch0(packed + i);
            }
        }
    }

    /// <summary>Asks for the lines of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchBlock(byte* block, nint bytes)
    {
        if (Sse.IsSupported)
        {
            for (nint i = 0; i < bytes; i += 64)
            {
                Sse.Prefetch0(block + i);
            }
        }
    }

    private static long PieceBytes(int blocks) => blocks == 0 ? 0 : 4 * GroupBytes(blocks);

    /// <summary>The bytes of a group of 16 outputs in a piece of some blocks.</summary>
    public static int GroupBytes(int blocks) => (blocks * CodeBytes) + ScaleBytes(blocks);

    /// <summary>The bytes of the scales of a group of 16 outputs in a piece of some blocks.</summary>
    public static int ScaleBytes(int blocks) => (UnitBytes + (blocks * BlockScaleBytes) + 63) & ~63;

    /// <summary>Where the scales of a group begin.</summary>
    public static int ScalesAt(int blocks) => IsInterleaved ? CodeBytes : blocks * CodeBytes;

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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackCodes(byte* packed, Vector512<byte> table, byte* levels)
    {
        if (TFormat.CodeBits == 8)
        {
            for (var j = 0; j < 8; j++)
            {
                Vector512.Load(packed + (64 * j)).Store(levels + (64 * j));
            }

            return;
        }

        UnpackTwo(packed, table, levels, 0);
        UnpackTwo(packed, table, levels, 1);
        UnpackTwo(packed, table, levels, 2);
        UnpackTwo(packed, table, levels, 3);
    }

    /// <summary>Unpacks vectors <paramref name="j"/>, a constant, and j + 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackTwo(byte* packed, Vector512<byte> table, byte* levels, int j)
    {
        var (low, high) = (Vector512<byte>.Zero, Vector512<byte>.Zero);
        if ((TFormat.CodeBits & 4) != 0)
        {
            var nibbles = Vector512.Load(packed + (64 * j));
            low = nibbles & Vector512.Create((byte)15);
            high = (nibbles.AsUInt16() >> 4).AsByte() & Vector512.Create((byte)15);
        }

        if ((TFormat.CodeBits & 2) != 0)
        {
            var shift = TFormat.CodeBits & 4;
            var mask = Vector512.Create((byte)(3 << shift));
            low |= Shift(Vector512.Load(packed + (64 * shift)), shift - (2 * j)) & mask;
            high |= Shift(Vector512.Load(packed + (64 * shift) + 64), shift - (2 * j)) & mask;
        }

        if ((TFormat.CodeBits & 1) != 0)
        {
            var shift = TFormat.CodeBits & 6;
            var mask = Vector512.Create((byte)(1 << shift));
            var bits = Vector512.Load(packed + (64 * shift));
            low |= Shift(bits, shift - j) & mask;
            high |= Shift(bits, shift - j - 4) & mask;
        }

        if (!TFormat.Table.IsEmpty)
        {
            (low, high) = (LookUp(table, low), LookUp(table, high));
        }

        low.Store(levels + (64 * j));
        high.Store(levels + (64 * j) + 256);
    }

    /// <summary>Shifts to the left, or to the right by a negative count; what crosses from byte to byte is masked away by the caller.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Shift(Vector512<byte> bytes, int count) => count >= 0 ? (bytes.AsUInt16() << count).AsByte() : (bytes.AsUInt16() >> -count).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> LookUp(Vector512<byte> table, Vector512<byte> codes)
    {
        if (Avx512BW.IsSupported)
        {
            return Avx512BW.Shuffle(table, codes);
        }

        var sixteen = table.GetLower().GetLower();
        var (low, high) = (codes.GetLower(), codes.GetUpper());
        return Vector512.Create(
            Vector256.Create(Vector128.Shuffle(sixteen, low.GetLower()), Vector128.Shuffle(sixteen, low.GetUpper())),
            Vector256.Create(Vector128.Shuffle(sixteen, high.GetLower()), Vector128.Shuffle(sixteen, high.GetUpper())));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackScales(byte* packed, int blocks, float* scales)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            UnpackScales512(packed, blocks, scales);
        }
        else
        {
            UnpackScales256(packed, blocks, scales);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackScales512(byte* packed, int blocks, float* scales)
    {
        nint gap = IsInterleaved ? CodeBytes : 0;
        var (unit, minimumUnit) = (Vector512<float>.Zero, Vector512<float>.Zero);
        if (TFormat.ScaleForm == ScaleForm.Super)
        {
            unit = HalfNumber.Read16(packed) * TFormat.UnitFactor;
            packed += 32;
            if (TFormat.HasMinimum)
            {
                minimumUnit = -HalfNumber.Read16(packed);
                packed += 32;
            }
        }

        for (var block = 0; block < blocks; block++, packed += gap, scales = (float*)((byte*)scales + Int8Panel<TFormat>.RecordBytes))
        {
            if (TFormat.ScaleForm == ScaleForm.Super && HasSharedByte)
            {
                for (var s = 0; s < TFormat.Scales; s++, packed += 16)
                {
                    var both = Multiples(packed);
                    (unit * Vector512.ConvertToSingle(both & Vector512.Create(15))).Store(scales + (s * Panel.Outputs));
                    (minimumUnit * Vector512.ConvertToSingle((both >> 4) & Vector512.Create(15))).Store(scales + ((TFormat.Scales + s) * Panel.Outputs));
                }

                continue;
            }

            for (var s = 0; s < TFormat.Scales * (TFormat.HasMinimum ? 2 : 1); s++)
            {
                var to = scales + (s * Panel.Outputs);
                switch (TFormat.ScaleForm)
                {
                    case ScaleForm.Half:
                        HalfNumber.Read16(packed).Store(to);
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
        var (low, high) = Vector128.Widen(Vector128.Load((sbyte*)bytes));
        return Vector512.Create(Vector256.Create(Vector128.WidenLower(low), Vector128.WidenUpper(low)), Vector256.Create(Vector128.WidenLower(high), Vector128.WidenUpper(high)));
    }

    /// <summary>The same in vectors of 8, which stay vectors where those of 16 become calls.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void UnpackScales256(byte* packed, int blocks, float* scales)
    {
        nint gap = IsInterleaved ? CodeBytes : 0;
        var (unit0, unit1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var (minimum0, minimum1) = (unit0, unit1);
        if (TFormat.ScaleForm == ScaleForm.Super)
        {
            (unit0, unit1) = (HalfNumber.Read8(packed) * TFormat.UnitFactor, HalfNumber.Read8(packed + 16) * TFormat.UnitFactor);
            packed += 32;
            if (TFormat.HasMinimum)
            {
                (minimum0, minimum1) = (-HalfNumber.Read8(packed), -HalfNumber.Read8(packed + 16));
                packed += 32;
            }
        }

        for (var block = 0; block < blocks; block++, packed += gap, scales = (float*)((byte*)scales + Int8Panel<TFormat>.RecordBytes))
        {
            for (var s = 0; s < TFormat.Scales * (TFormat.HasMinimum && !HasSharedByte ? 2 : 1); s++)
            {
                var to = scales + (s * Panel.Outputs);
                switch (TFormat.ScaleForm)
                {
                    case ScaleForm.Half:
                        HalfNumber.Widen16(packed, to);
                        packed += 32;
                        break;
                    case ScaleForm.Super:
                        var (low, high) = Integers(packed);
                        packed += 16;
                        if (HasSharedByte)
                        {
                            var minimums = to + (TFormat.Scales * Panel.Outputs);
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
        var (low, high) = Vector128.Widen(Vector128.Load((sbyte*)bytes));
        return (Vector256.Create(Vector128.WidenLower(low), Vector128.WidenUpper(low)), Vector256.Create(Vector128.WidenLower(high), Vector128.WidenUpper(high)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Power(Vector256<int> e) =>
        Vector256.ConditionalSelect(Vector256.LessThan(e, Vector256.Create(2)), Vector256.Create(1 << 21) + (e << 21), (e - Vector256<int>.One) << 23).AsSingle();
}
