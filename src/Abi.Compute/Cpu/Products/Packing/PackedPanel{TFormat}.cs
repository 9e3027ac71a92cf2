using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;

namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>
/// How a panel of 64 outputs lies in memory: piece after piece of 256 columns, as they are read; in a piece, 4 groups of 16 outputs; in a group, the codes block after block of 32
/// columns, then the scales. The codes of a block are planes of bits of the 8 vectors [16 outputs][4 columns] of <see cref="Int8Panel{TFormat}"/>: nibbles (vector j low, j + 4
/// high), pairs (4 vectors a byte) and single bits (8 vectors a byte), the lowest bits first; 8-bit codes are the vectors themselves.
/// </summary>
internal static unsafe class PackedPanel<TFormat>
    where TFormat : struct, ILevelFormat
{
    private const int Group = 16;

    /// <summary>How far ahead of reading memory is asked for: what a core reads while memory answers.</summary>
    public const int Ahead = 8192;

    private static readonly byte[] Codes = CreateCodes();

    /// <summary>The bytes of the codes of a group of 16 outputs in a block.</summary>
    public static int CodeBytes => 64 * TFormat.CodeBits;

    private static bool HasSharedByte => TFormat.Scales == 2 && TFormat.HasMinimum;

    /// <summary>The bytes of a whole panel.</summary>
    /// <param name="blocks">The blocks of 32 columns.</param>
    public static long Bytes(int blocks) =>
        ((long)(blocks / Int8Panel.MaximumBlocks) * PieceBytes(Int8Panel.MaximumBlocks)) + PieceBytes(blocks % Int8Panel.MaximumBlocks);

    /// <summary>Where the piece that begins with a block lies.</summary>
    public static long PieceOffset(int block) => (long)(block / Int8Panel.MaximumBlocks) * PieceBytes(Int8Panel.MaximumBlocks);

    /// <summary>Packs one piece.</summary>
    /// <param name="panel">What <see cref="Int8Panel{TFormat}.FillFromRows"/> made.</param>
    /// <param name="rows">The rows that it was made from.</param>
    /// <param name="rowBytes">From one row to the next.</param>
    /// <param name="count">The rows, at most 64.</param>
    /// <param name="blocks">The blocks of 32 columns.</param>
    /// <param name="packed">Where the piece goes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* panel, byte* rows, long rowBytes, int count, int blocks, byte* packed)
    {
        for (var group = 0; group < 4; group++)
        {
            for (var block = 0; block < blocks; block++, packed += CodeBytes)
            {
                PackCodes(panel + (block * Int8Panel<TFormat>.RecordBytes) + (group * 512), packed);
            }

            var scales = (float*)(panel + Int8Panel<TFormat>.LevelBytes) + (group * Group);
            PackScales(scales, rows + (group * Group * rowBytes), rowBytes, Math.Clamp(count - (group * Group), 0, Group), blocks, packed);
            packed += ScaleBytes(blocks);
        }
    }

    /// <summary>Unpacks one piece to the records that tiles read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(byte* packed, int blocks, byte* panel)
    {
        var table = Table();
        for (var group = 0; group < 4; group++)
        {
            var record = panel + (group * 512);
            for (var block = 0; block < blocks; block++, packed += CodeBytes, record += Int8Panel<TFormat>.RecordBytes)
            {
                PrefetchCodes(packed + Ahead);
                UnpackCodes(packed, table, record);
            }

            UnpackScales(packed, blocks, (float*)(panel + Int8Panel<TFormat>.LevelBytes) + (group * Group));
            packed += ScaleBytes(blocks);
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

    /// <summary>Asks for the lines of a block's codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchCodes(byte* codes)
    {
        if (Sse.IsSupported)
        {
            for (var i = 0; i < CodeBytes; i += 64)
            {
                Sse.Prefetch0(codes + i);
            }
        }
    }

    private static long PieceBytes(int blocks) => blocks == 0 ? 0 : 4 * ((blocks * CodeBytes) + ScaleBytes(blocks));

    /// <summary>The bytes of the scales of a group of 16 outputs in a piece of some blocks.</summary>
    public static int ScaleBytes(int blocks)
    {
        var each = TFormat.Scales * (TFormat.HasMinimum ? 2 : 1);
        var bytes = TFormat.ScaleForm switch
        {
            ScaleForm.Half => blocks * each * 32,
            ScaleForm.Super => (TFormat.HasMinimum ? 64 : 32) + (blocks * (HasSharedByte ? 2 : each) * 16),
            ScaleForm.Power => blocks * each * 16,
            _ => blocks * each * 64,
        };
        return (bytes + 63) & ~63;
    }

    /// <summary>The code of each unsigned level: [256].</summary>
    private static byte[] CreateCodes()
    {
        var codes = new byte[256];
        for (var i = TFormat.Table.Length - 1; i >= 0; i--)
        {
            codes[TFormat.Table[i] + (1 << TFormat.OffsetShift)] = (byte)i;
        }

        return codes;
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PackCodes(byte* levels, byte* packed)
    {
        if (TFormat.CodeBits == 8)
        {
            Unsafe.CopyBlockUnaligned(packed, levels, 512);
            return;
        }

        var codes = levels;
        if (!TFormat.Table.IsEmpty)
        {
            var mapped = stackalloc byte[512];
            for (var i = 0; i < 512; i++)
            {
                mapped[i] = Codes[levels[i]];
            }

            codes = mapped;
        }

        var shift = 0;
        if ((TFormat.CodeBits & 4) != 0)
        {
            for (var j = 0; j < 4; j++, packed += 64)
            {
                var nibble = Vector512.Create((byte)15);
                ((Vector512.Load(codes + (64 * j)) & nibble) | ((Vector512.Load(codes + (64 * j) + 256) & nibble) << 4)).Store(packed);
            }

            shift = 4;
        }

        if ((TFormat.CodeBits & 2) != 0)
        {
            for (var half = 0; half < 2; half++, packed += 64)
            {
                var pairs = Vector512<byte>.Zero;
                for (var j = 0; j < 4; j++)
                {
                    pairs |= ((Vector512.Load(codes + (64 * ((4 * half) + j))) >> shift) & Vector512.Create((byte)3)) << (2 * j);
                }

                pairs.Store(packed);
            }

            shift += 2;
        }

        if ((TFormat.CodeBits & 1) != 0)
        {
            var bits = Vector512<byte>.Zero;
            for (var j = 0; j < 8; j++)
            {
                bits |= ((Vector512.Load(codes + (64 * j)) >> shift) & Vector512<byte>.One) << j;
            }

            bits.Store(packed);
        }
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

    private static void PackScales(float* scales, byte* rows, long rowBytes, int count, int blocks, byte* packed)
    {
        new Span<byte>(packed, ScaleBytes(blocks)).Clear();
        var units = stackalloc float[Group];
        var minimumUnits = stackalloc float[Group];
        if (TFormat.ScaleForm == ScaleForm.Super)
        {
            for (var output = 0; output < count; output++)
            {
                var (unit, minimumUnit) = (TFormat.Unit(rows + (output * rowBytes)), TFormat.MinimumUnit(rows + (output * rowBytes)));
                ((ushort*)packed)[output] = unit;
                units[output] = (float)BitConverter.UInt16BitsToHalf(unit) * TFormat.UnitFactor;
                if (TFormat.HasMinimum)
                {
                    ((ushort*)packed)[Group + output] = minimumUnit;
                    minimumUnits[output] = -(float)BitConverter.UInt16BitsToHalf(minimumUnit);
                }
            }

            packed += TFormat.HasMinimum ? 64 : 32;
        }

        for (var block = 0; block < blocks; block++, scales = (float*)((byte*)scales + Int8Panel<TFormat>.RecordBytes))
        {
            if (TFormat.ScaleForm == ScaleForm.Super && HasSharedByte)
            {
                for (var i = 0; i < TFormat.Scales * Group; i++)
                {
                    var (s, output) = (i / Group, i % Group);
                    var multiple = Multiple(scales[(s * Int8Panel.Outputs) + output], units[output]);
                    packed[i] = (byte)(multiple | (Multiple(scales[((TFormat.Scales + s) * Int8Panel.Outputs) + output], minimumUnits[output]) << 4));
                }

                packed += TFormat.Scales * Group;
                continue;
            }

            for (var s = 0; s < TFormat.Scales * (TFormat.HasMinimum ? 2 : 1); s++)
            {
                for (var output = 0; output < Group; output++)
                {
                    var value = scales[(s * Int8Panel.Outputs) + output];
                    switch (TFormat.ScaleForm)
                    {
                        case ScaleForm.Half:
                            ((Half*)packed)[output] = (Half)value;
                            break;
                        case ScaleForm.Super:
                            packed[output] = (byte)Multiple(value, (s >= TFormat.Scales ? minimumUnits : units)[output]);
                            break;
                        case ScaleForm.Power:
                            // The two smallest powers are denormal: 2^−128 and 2^−127.
                            var bits = BitConverter.SingleToUInt32Bits(value);
                            packed[output] = (byte)(bits >= 1u << 23 ? (bits >> 23) + 1 : bits >> 22);
                            break;
                        default:
                            ((float*)packed)[output] = value;
                            break;
                    }
                }

                packed += TFormat.ScaleForm switch
                {
                    ScaleForm.Half => 32,
                    ScaleForm.Super or ScaleForm.Power => 16,
                    _ => 64,
                };
            }
        }
    }

    /// <summary>How many units a scale is: a whole number, but for units that are zero or not numbers, where it does not matter.</summary>
    private static int Multiple(float value, float unit) => unit == 0 || !float.IsFinite(unit) ? 0 : (int)MathF.Round(value / unit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackScales(byte* packed, int blocks, float* scales)
    {
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

        for (var block = 0; block < blocks; block++, scales = (float*)((byte*)scales + Int8Panel<TFormat>.RecordBytes))
        {
            if (TFormat.ScaleForm == ScaleForm.Super && HasSharedByte)
            {
                for (var s = 0; s < TFormat.Scales; s++, packed += 16)
                {
                    var both = Multiples(packed);
                    (unit * Vector512.ConvertToSingle(both & Vector512.Create(15))).Store(scales + (s * Int8Panel.Outputs));
                    (minimumUnit * Vector512.ConvertToSingle((both >> 4) & Vector512.Create(15))).Store(scales + ((TFormat.Scales + s) * Int8Panel.Outputs));
                }

                continue;
            }

            for (var s = 0; s < TFormat.Scales * (TFormat.HasMinimum ? 2 : 1); s++)
            {
                var to = scales + (s * Int8Panel.Outputs);
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
}
