using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;

namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>
/// Makes packed panels from rows as the file has them. Of an output, the codes of 32 columns are as many words of 4 bytes as a code has bits, one in each vector of 16 outputs: so packing puts
/// words in their places and needs no panel of levels between.
/// </summary>
internal static unsafe class PanelPacking<TFormat>
    where TFormat : struct, ILevelFormat
{
    private const int Group = Panel.GroupOutputs;
    private const int MaximumScales = 4; // two scales and two minimums

    /// <summary>Packs a whole panel.</summary>
    /// <param name="rows">The first row.</param>
    /// <param name="rowBytes">From one row to the next.</param>
    /// <param name="count">The rows, at most 64; the outputs of the others have scales of zero.</param>
    /// <param name="blocks">The blocks of 32 columns of a row.</param>
    /// <param name="packed">Where the panel goes: [<see cref="PackedLayout.PanelBytes"/>].</param>
    public static void Pack(byte* rows, long rowBytes, int count, int blocks, byte* packed)
    {
        var layout = PackedPanel<TFormat>.Layout;
        var codesAt = stackalloc int[Int8Panel.MaximumBlocks];
        var scalesAt = stackalloc int[Int8Panel.MaximumBlocks];
        for (var block = 0; block < Int8Panel.MaximumBlocks; block++)
        {
            (codesAt[block], scalesAt[block]) = (layout.CodesAt(block), layout.ScalesAt(block));
        }

        // Group by group, so that sixteen rows are read on and on, not sixty-four in turn.
        for (var group = 0; group < Panel.Outputs / Group; group++)
        {
            var some = Math.Clamp(count - (group * Group), 0, Group);
            for (var block = 0; block < blocks; block += Int8Panel.MaximumBlocks)
            {
                var width = Math.Min(Int8Panel.MaximumBlocks, blocks - block);
                Prefetch(rows + ((((group + 1) * blocks) + block) * Group * rowBytes / blocks), width * Group * rowBytes / blocks);
                var from = rows + (group * Group * rowBytes) + (block * ActivationBlock.Columns / TFormat.BlockLength * TFormat.BlockBytes);
                var to = packed + layout.PieceOffset(block) + (group * layout.GroupBytes(width));
                if (some < Group)
                {
                    new Span<byte>(to, layout.GroupBytes(width)).Clear();
                }

                if (TFormat.CodesAt >= 0)
                {
                    CopyGroup(from, rowBytes, some, width, to, codesAt, scalesAt);
                }
                else if (TFormat.HasWholeScales)
                {
                    PackWhole(from, rowBytes, some, to, codesAt, scalesAt);
                }
                else
                {
                    PackGroup(from, rowBytes, some, width, to, codesAt, scalesAt);
                }
            }
        }
    }

    /// <summary>Asks for a part of the next group, or of the panel that comes next: the hardware does not see ahead where sixteen rows are read in turn.</summary>
    private static void Prefetch(byte* start, long bytes)
    {
        if (Sse.IsSupported)
        {
            for (var end = start + bytes; start < end; start += 64)
            {
                Sse.Prefetch1(start); // beyond the tensor, it does nothing
            }
        }
    }

    /// <summary>Packs a group of a piece whose blocks have codes and scales as they are packed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyGroup(byte* rows, long rowBytes, int count, int blocks, byte* packed, int* codesAt, int* scalesAt)
    {
        for (var output = 0; output < count; output++, rows += rowBytes)
        {
            var from = rows;
            for (var block = 0; block < blocks; block++, from += TFormat.BlockBytes)
            {
                Put(from + TFormat.CodesAt, (uint*)(packed + codesAt[block]) + output);
                var scales = packed + scalesAt[block];
                if (TFormat.ScaleForm == ScaleForm.Power)
                {
                    scales[output] = *from;
                    continue;
                }

                ((ushort*)scales)[output] = HalfNumber.Bits(from);
                if (TFormat.HasMinimum)
                {
                    ((ushort*)scales)[Group + output] = HalfNumber.Bits(from + sizeof(ushort));
                }
            }
        }
    }

    /// <summary>Puts the codes of a block as the file has them in their places; levels of 8 bits are signed there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(byte* codes, uint* to)
    {
        const ulong signs = 0x8080808080808080;
        var flip = TFormat.CodeBits == 8 ? signs : 0;
        var (a, b) = (Unsafe.ReadUnaligned<ulong>(codes) ^ flip, Unsafe.ReadUnaligned<ulong>(codes + 8) ^ flip);
        to[0] = (uint)a;
        to[Group] = (uint)(a >> 32);
        to[2 * Group] = (uint)b;
        to[3 * Group] = (uint)(b >> 32);
        if (TFormat.CodeBits == 5)
        {
            to[4 * Group] = PutFifths(Unsafe.ReadUnaligned<uint>(codes - sizeof(uint)));
        }

        if (TFormat.CodeBits == 8)
        {
            (a, b) = (Unsafe.ReadUnaligned<ulong>(codes + 16) ^ flip, Unsafe.ReadUnaligned<ulong>(codes + 24) ^ flip);
            to[4 * Group] = (uint)a;
            to[5 * Group] = (uint)(a >> 32);
            to[6 * Group] = (uint)b;
            to[7 * Group] = (uint)(b >> 32);
        }
    }

    /// <summary>Bit j of byte b becomes what bit 4j + b was. Each swap exchanges two digits of the numbers of bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint PutFifths(uint bits)
    {
        bits = Swap(bits, 1, 0x22222222);
        bits = Swap(bits, 3, 0x0a0a0a0a);
        bits = Swap(bits, 6, 0x00cc00cc);
        return Swap(bits, 12, 0x0000f0f0);

        static uint Swap(uint bits, int distance, uint mask)
        {
            var differences = ((bits >> distance) ^ bits) & mask;
            return bits ^ differences ^ (differences << distance);
        }
    }

    /// <summary>Packs a group of a piece, 256 columns, of a format whose scales are whole multiples of a unit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackWhole(byte* rows, long rowBytes, int count, byte* packed, int* codesAt, int* scalesAt)
    {
        var levels = stackalloc sbyte[256];
        var whole = stackalloc sbyte[32];
        var units = (ushort*)packed;
        for (var output = 0; output < count; output++, rows += rowBytes)
        {
            TFormat.SplitWhole(rows, levels, whole, whole + 16);
            units[output] = TFormat.Unit(rows);
            if (TFormat.HasMinimum)
            {
                units[Group + output] = TFormat.MinimumUnit(rows);
            }

            for (var block = 0; block < Int8Panel.MaximumBlocks; block++)
            {
                PutCodes(levels + (block * ActivationBlock.Columns), (uint*)(packed + codesAt[block]) + output);
                var to = (sbyte*)packed + scalesAt[block] + output;
                for (var s = 0; s < TFormat.Scales; s++, to += Group)
                {
                    var i = (block * TFormat.Scales) + s;
                    *to = PackedPanel<TFormat>.HasSharedByte ? (sbyte)(whole[i] + (whole[16 + i] << 4)) : whole[i];
                }

                if (TFormat.HasMinimum && !PackedPanel<TFormat>.HasSharedByte)
                {
                    *to = whole[16 + block]; // one scale
                }
            }
        }
    }

    /// <summary>Packs a group of a piece of any format.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackGroup(byte* rows, long rowBytes, int count, int blocks, byte* packed, int* codesAt, int* scalesAt)
    {
        var perBlock = TFormat.BlockLength / ActivationBlock.Columns;
        var levels = stackalloc sbyte[256];
        var scales = stackalloc float[16];
        var minimums = stackalloc float[16];
        var all = stackalloc float[Int8Panel.MaximumBlocks * MaximumScales * Group]; // [blocks][scales, then minimums][16 outputs]
        if (count < Group)
        {
            new Span<float>(all, Int8Panel.MaximumBlocks * MaximumScales * Group).Clear();
        }

        for (var output = 0; output < count; output++)
        {
            var from = rows + (output * rowBytes);
            for (var block = 0; block < blocks; block++)
            {
                var part = block % perBlock;
                if (part == 0)
                {
                    TFormat.Split(from, levels, scales, minimums);
                    from += TFormat.BlockBytes;
                }

                PutCodes(levels + (part * ActivationBlock.Columns), (uint*)(packed + codesAt[block]) + output);
                var to = all + (block * PackedPanel<TFormat>.Factors * Group) + output;
                for (var s = 0; s < TFormat.Scales; s++)
                {
                    to[s * Group] = scales[(part * TFormat.Scales) + s];
                    if (TFormat.HasMinimum)
                    {
                        to[(TFormat.Scales + s) * Group] = minimums[(part * TFormat.Scales) + s];
                    }
                }
            }
        }

        PackScales(all, rows, rowBytes, count, blocks, packed, scalesAt);
    }

    /// <summary>Puts the codes of 32 levels in their places, one word in each vector of 16 outputs.</summary>
    /// <param name="levels">[32]; codes already where the format has whole scales and a table.</param>
    /// <param name="to">The output's word of the first vector.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PutCodes(sbyte* levels, uint* to)
    {
        var codes = Vector256.Load((byte*)levels);
        if (TFormat.OffsetShift >= 0 && (TFormat.Table.IsEmpty || !TFormat.HasWholeScales))
        {
            codes += Vector256.Create((byte)(1 << TFormat.OffsetShift));
        }

        if (!TFormat.Table.IsEmpty && !TFormat.HasWholeScales)
        {
            var unsigned = codes;
            codes = Vector256<byte>.Zero;
            for (var code = 1; code < TFormat.Table.Length; code++)
            {
                var level = Vector256.Create((byte)(TFormat.Table[code] + (1 << TFormat.OffsetShift)));
                codes |= Vector256.Equals(unsigned, level) & Vector256.Create((byte)code);
            }
        }

        var words = codes.AsUInt32(); // four columns each
        if (TFormat.CodeBits == 8)
        {
            for (var j = 0; j < 8; j++)
            {
                to[j * Group] = words.GetElement(j);
            }

            return;
        }

        var shift = 0;
        if ((TFormat.CodeBits & 4) != 0)
        {
            var nibbles = words & Vector256.Create(0x0f0f0f0fu);
            var both = nibbles.GetLower() | (nibbles.GetUpper() << 4);
            to[0] = both.GetElement(0);
            to[Group] = both.GetElement(1);
            to[2 * Group] = both.GetElement(2);
            to[3 * Group] = both.GetElement(3);
            to += 4 * Group;
            shift = 4;
        }

        if ((TFormat.CodeBits & 2) != 0)
        {
            var pairs = ((words >> shift) & Vector256.Create(0x03030303u)) * Vector256.Create(1u, 4, 16, 64, 1, 4, 16, 64);
            to[0] = Or(pairs.GetLower());
            to[Group] = Or(pairs.GetUpper());
            to += 2 * Group;
            shift += 2;
        }

        if ((TFormat.CodeBits & 1) != 0)
        {
            var bits = ((words >> shift) & Vector256.Create(0x01010101u)) * Vector256.Create(1u, 2, 4, 8, 16, 32, 64, 128);
            to[0] = Or(bits.GetLower() | bits.GetUpper());
        }
    }

    /// <summary>Puts the scales and minimums of a group down as the format keeps them.</summary>
    /// <param name="scales">[blocks][scales, then minimums][16 outputs].</param>
    /// <param name="rows">The rows' first block, for the units of the format.</param>
    /// <param name="rowBytes">From one row to the next.</param>
    /// <param name="count">The rows, at most 16.</param>
    /// <param name="blocks">The blocks of 32 columns.</param>
    /// <param name="group">Where the group goes, zero where there is no row.</param>
    /// <param name="scalesAt">Where in it the scales of each block lie.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackScales(float* scales, byte* rows, long rowBytes, int count, int blocks, byte* group, int* scalesAt)
    {
        var inverses = stackalloc float[2 * Group]; // of the units, then of the minimums' units
        if (TFormat.ScaleForm == ScaleForm.Super)
        {
            var units = (ushort*)group;
            new Span<float>(inverses, 2 * Group).Clear();
            for (var output = 0; output < count; output++, rows += rowBytes)
            {
                units[output] = TFormat.Unit(rows);
                inverses[output] = Inverse(HalfNumber.Read((byte*)(units + output)) * TFormat.UnitFactor);
                if (TFormat.HasMinimum)
                {
                    units[Group + output] = TFormat.MinimumUnit(rows);
                    inverses[Group + output] = Inverse(-HalfNumber.Read((byte*)(units + Group + output)));
                }
            }
        }

        for (var block = 0; block < blocks; block++, scales += PackedPanel<TFormat>.Factors * Group)
        {
            var packed = group + scalesAt[block];
            for (var s = 0; s < (PackedPanel<TFormat>.HasSharedByte ? TFormat.Scales : PackedPanel<TFormat>.Factors); s++)
            {
                var values = scales + (s * Group);
                switch (TFormat.ScaleForm)
                {
                    case ScaleForm.Half:
                        for (var output = 0; output < Group; output++)
                        {
                            ((Half*)packed)[output] = (Half)values[output];
                        }

                        packed += 32;
                        break;
                    case ScaleForm.Super:
                        for (var output = 0; output < Group; output += 8)
                        {
                            var multiples = Multiples(values + output, inverses + (s < TFormat.Scales ? 0 : Group) + output);
                            if (PackedPanel<TFormat>.HasSharedByte)
                            {
                                multiples |= Multiples(values + (TFormat.Scales * Group) + output, inverses + Group + output) << 4;
                            }

                            PutBytes(multiples, packed + output);
                        }

                        packed += 16;
                        break;
                    default:
                        Unsafe.CopyBlockUnaligned(packed, values, 64);
                        packed += 64;
                        break;
                }
            }
        }
    }

    /// <summary>One by a unit; zero for units that are zero or not numbers, where multiples do not matter.</summary>
    private static float Inverse(float unit) => unit == 0 || !float.IsFinite(unit) ? 0 : 1 / unit;

    /// <summary>How many units 8 scales are. They are whole numbers of few bits, so that a product with the rounded inverse is near enough.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Multiples(float* scales, float* perUnit) => Vector256.ConvertToInt32(Vector256.Round(Vector256.Load(scales) * Vector256.Load(perUnit)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PutBytes(Vector256<int> values, byte* to)
    {
        for (var i = 0; i < 8; i++)
        {
            to[i] = (byte)values.GetElement(i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Or(Vector128<uint> words)
    {
        words |= Vector128.Shuffle(words, Vector128.Create(2u, 3, 0, 1));
        return words.ToScalar() | words.GetElement(1);
    }
}
