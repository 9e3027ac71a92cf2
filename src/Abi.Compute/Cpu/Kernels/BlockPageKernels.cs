using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Devices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>
/// Keys and values in blocks of 32 columns, Q8_0 or Q4_0. A panel holds the blocks of 32 positions: 32 scales (halves), then the levels — of keys column by column, so that
/// sixteen positions are one load, of values position by position. A level times its scale is exact in a float, so what is read does not depend on who reads it, or how.
/// </summary>
internal static unsafe class BlockPageKernels
{
    private const int Page = StateStore.PageLength;
    private const int Columns = 32; // of a block
    private const int ScaleBytes = Page * sizeof(ushort);

    private static ReadOnlySpan<float> NoImportance => default;

    /// <summary>Puts one position's key in place.</summary>
    public static void StoreKey(float* key, int keySize, byte* keys, int position, TensorType type)
    {
        Span<byte> block = stackalloc byte[34];
        for (var column = 0; column < keySize; column += Columns, keys += PanelBytes(type))
        {
            Encode(key + column, keySize - column, type, block);
            WriteKeyBlock(keys, position, type, block);
        }
    }

    /// <summary>Puts one position's value in place.</summary>
    public static void StoreValue(float* value, int valueSize, byte* values, int position, TensorType type)
    {
        Span<byte> block = stackalloc byte[34];
        for (var column = 0; column < valueSize; column += Columns, values += PanelBytes(type))
        {
            Encode(value + column, valueSize - column, type, block);
            WriteValueBlock(values, position, type, block);
        }
    }

    /// <summary>Keys as floats: [keySize, 32].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ExpandKeys(byte* keys, int keySize, TensorType type, float* to)
    {
        for (; keySize > 0; keySize -= Columns, keys += PanelBytes(type), to += Columns * Page)
        {
            var (s0, s1) = (HalfLanes.Load16((Half*)keys), HalfLanes.Load16((Half*)keys + Lanes.Count));
            var levels = keys + ScaleBytes;
            var columns = Math.Min(keySize, Columns);
            if (type == TensorType.Q8_0)
            {
                for (var c = 0; c < columns; c++)
                {
                    (Lanes16.Signed(levels + (c * Page)) * s0).Store(to + (c * Page));
                    (Lanes16.Signed(levels + (c * Page) + Lanes.Count) * s1).Store(to + (c * Page) + Lanes.Count);
                }

                continue;
            }

            for (var c = 0; c < columns; c += 2, levels += Page)
            {
                (Lanes16.Low(levels) * s0).Store(to + (c * Page));
                (Lanes16.Low(levels + Lanes.Count) * s1).Store(to + (c * Page) + Lanes.Count);
                if (c + 1 < columns)
                {
                    (Lanes16.High(levels) * s0).Store(to + ((c + 1) * Page));
                    (Lanes16.High(levels + Lanes.Count) * s1).Store(to + ((c + 1) * Page) + Lanes.Count);
                }
            }
        }
    }

    /// <summary>Values as floats: [32, stride].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ExpandValues(byte* values, int stride, TensorType type, float* to)
    {
        var scales = stackalloc float[Page];
        for (var column = 0; column < stride; column += Columns, values += PanelBytes(type), to += Columns)
        {
            HalfLanes.Widen16((Half*)values, scales);
            HalfLanes.Widen16((Half*)values + Lanes.Count, scales + Lanes.Count);
            var levels = values + ScaleBytes;
            if (type == TensorType.Q8_0)
            {
                for (var p = 0; p < Page; p++)
                {
                    var s = Vector512.Create(scales[p]);
                    (Lanes16.Signed(levels + (p * Columns)) * s).Store(to + (p * stride));
                    (Lanes16.Signed(levels + (p * Columns) + Lanes.Count) * s).Store(to + (p * stride) + Lanes.Count);
                }

                continue;
            }

            for (var p = 0; p < Page; p++)
            {
                var s = Vector512.Create(scales[p]);
                var row = levels + (p * (Columns / 2));
                (Lanes16.Low(row) * s).Store(to + (p * stride));
                (Lanes16.High(row) * s).Store(to + (p * stride) + Lanes.Count);
            }
        }
    }

    /// <summary>One position's key as blocks.</summary>
    public static void ReadKey(byte* keys, int position, TensorType type, Span<byte> blocks)
    {
        for (var bytes = BlockBytes(type); !blocks.IsEmpty; blocks = blocks[bytes..], keys += PanelBytes(type))
        {
            new ReadOnlySpan<byte>(keys + (position * sizeof(ushort)), sizeof(ushort)).CopyTo(blocks);
            var levels = keys + ScaleBytes + position;
            for (var j = 0; j < Columns / 2; j++)
            {
                if (type == TensorType.Q8_0)
                {
                    blocks[2 + (2 * j)] = levels[2 * j * Page];
                    blocks[3 + (2 * j)] = levels[((2 * j) + 1) * Page];
                }
                else
                {
                    // byte j of a block holds columns j and j + 16
                    blocks[2 + j] = (byte)(Nibble(j) | (Nibble(j + 16) << 4));
                }
            }

            int Nibble(int column) => (levels[column / 2 * Page] >> (column % 2 * 4)) & 15;
        }
    }

    /// <summary>Puts one position's key in place, as blocks.</summary>
    public static void WriteKey(byte* keys, int position, TensorType type, ReadOnlySpan<byte> blocks)
    {
        for (var bytes = BlockBytes(type); !blocks.IsEmpty; blocks = blocks[bytes..], keys += PanelBytes(type))
        {
            WriteKeyBlock(keys, position, type, blocks[..bytes]);
        }
    }

    /// <summary>One position's value as blocks.</summary>
    public static void ReadValue(byte* values, int position, TensorType type, Span<byte> blocks)
    {
        for (var bytes = BlockBytes(type); !blocks.IsEmpty; blocks = blocks[bytes..], values += PanelBytes(type))
        {
            new ReadOnlySpan<byte>(values + (position * sizeof(ushort)), sizeof(ushort)).CopyTo(blocks);
            new ReadOnlySpan<byte>(values + ScaleBytes + (position * (bytes - 2)), bytes - 2).CopyTo(blocks[2..]);
        }
    }

    /// <summary>Puts one position's value in place, as blocks.</summary>
    public static void WriteValue(byte* values, int position, TensorType type, ReadOnlySpan<byte> blocks)
    {
        for (var bytes = BlockBytes(type); !blocks.IsEmpty; blocks = blocks[bytes..], values += PanelBytes(type))
        {
            WriteValueBlock(values, position, type, blocks[..bytes]);
        }
    }

    /// <summary>Rounds up to 32 columns to a block, zeros behind them: the bytes that <see cref="BlockFormat.Encode"/> gives.</summary>
    /// <param name="x">The columns.</param>
    /// <param name="left">How many there are, those of later blocks too.</param>
    /// <param name="type">The format.</param>
    /// <param name="block">At least the bytes of a block.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Encode(float* x, int left, TensorType type, Span<byte> block)
    {
        if (type == TensorType.Q4_0)
        {
            Span<float> columns = stackalloc float[Columns];
            new ReadOnlySpan<float>(x, Math.Min(left, Columns)).CopyTo(columns);
            Q4_0.Encode(columns, NoImportance, block[..Q4_0.BlockBytes]);
            return;
        }

        var (a, b) = (Lanes.Load(x, left), left > Lanes.Count ? Lanes.Load(x + Lanes.Count, left - Lanes.Count) : Vector512<float>.Zero);
        var d = Lanes.Max(Vector512.MaxNative(Vector512.Abs(a), Vector512.Abs(b))) / 127;
        var inverse = Vector512.Create(d != 0 ? 1 / d : 0);
        Packed.Half(block, 0, d);
        var levels = Vector512.Narrow(Round(a * inverse), Round(b * inverse)); // [32] shorts
        Vector256.Narrow(levels.GetLower(), levels.GetUpper()).AsByte().CopyTo(block[2..]);

        // the nearest integer, ties away from zero
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<int> Round(Vector512<float> lanes) => Vector512.ConvertToInt32Native(lanes + ((lanes & Vector512.Create(-0f)) | Vector512.Create(0.49999997f)));
    }

    private static void WriteKeyBlock(byte* panel, int position, TensorType type, ReadOnlySpan<byte> block)
    {
        block[..2].CopyTo(new Span<byte>(panel + (position * sizeof(ushort)), sizeof(ushort)));
        var levels = panel + ScaleBytes + position;
        if (type == TensorType.Q8_0)
        {
            for (var column = 0; column < Columns; column++)
            {
                levels[column * Page] = block[2 + column];
            }

            return;
        }

        for (var j = 0; j < Columns / 2; j++)
        {
            // columns 2j and 2j + 1 lie side by side: they are used one after the other
            var (byteIndex, shift) = ((2 * j) % 16, j < Columns / 4 ? 0 : 4);
            levels[j * Page] = (byte)(((block[2 + byteIndex] >> shift) & 15) | (((block[3 + byteIndex] >> shift) & 15) << 4));
        }
    }

    private static void WriteValueBlock(byte* panel, int position, TensorType type, ReadOnlySpan<byte> block)
    {
        var bytes = BlockBytes(type);
        block[..2].CopyTo(new Span<byte>(panel + (position * sizeof(ushort)), sizeof(ushort)));
        block[2..bytes].CopyTo(new Span<byte>(panel + ScaleBytes + (position * (bytes - 2)), bytes - 2));
    }

    private static int BlockBytes(TensorType type) => type == TensorType.Q8_0 ? Q8_0.BlockBytes : Q4_0.BlockBytes;

    /// <summary>The bytes of 32 positions' blocks.</summary>
    private static int PanelBytes(TensorType type) => Page * BlockBytes(type);
}
