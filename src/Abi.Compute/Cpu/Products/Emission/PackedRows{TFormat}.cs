using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>A few rows against a packed panel, as machine code of our own making, believed only after it has equalled the definition bit for bit on random panels.</summary>
internal sealed unsafe class PackedRows<TFormat>
    where TFormat : struct, ILevelFormat
{
    /// <summary>The most rows for which this is faster than a tile over unpacked panels; in AVX2 the tile is, at 16.</summary>
    public static int WorthRows => Emitter.HasVnni512 ? 16 : 15;

    /// <summary>The bytes of what the code reads besides panels and rows.</summary>
    internal const int ConstantBytes = 6 * 64;

    private readonly nint[] _functions; // by rows − 1
    private readonly byte* _constants;

    private PackedRows(nint[] functions, byte* constants)
    {
        _functions = functions;
        _constants = constants;
    }

    /// <summary>The code of this process, or null where it cannot be made or does not do what it should.</summary>
    public static PackedRows<TFormat>? Emitted { get; } = TryCreate();

    /// <summary>Computes the 64 outputs of a panel for some rows.</summary>
    /// <param name="packed">The panel.</param>
    /// <param name="blocks">Its blocks of 32 columns.</param>
    /// <param name="x">[rows] pointers to [blocks] <see cref="ActivationBlock"/>s.</param>
    /// <param name="y">[rows] pointers.</param>
    /// <param name="to">Where in y the outputs begin.</param>
    /// <param name="rows">At least 1.</param>
    public void Multiply(byte* packed, int blocks, byte** x, float** y, int to, int rows)
    {
        for (var chunks = (rows + PackedRowsProgram.MostRows - 1) / PackedRowsProgram.MostRows; chunks > 0; chunks--)
        {
            var together = (rows + chunks - 1) / chunks;
            MultiplyTogether(packed, blocks, x, y, to, together);
            x += together;
            y += together;
            rows -= together;
        }
    }

    private void MultiplyTogether(byte* packed, int blocks, byte** x, float** y, int to, int rows)
    {
        var arguments = new PackedRowsArguments { Packed = packed, Constants = _constants, UnitFactor = TFormat.UnitFactor, MinimumFactor = -1 };
        for (var row = 0; row < rows; row++)
        {
            arguments.X[row] = (long)x[row];
            arguments.Y[row] = (long)(y[row] + to);
            new Span<float>(y[row] + to, Panel.Outputs).Clear();
        }

        var (pieces, rest) = Math.DivRem(blocks, Int8Panel.MaximumBlocks);
        if (pieces > 0)
        {
            Run(&arguments, rows, Int8Panel.MaximumBlocks, pieces);
        }

        if (rest > 0)
        {
            arguments.Packed = packed + PackedPanel<TFormat>.Layout.PieceOffset(blocks - rest);
            for (var row = 0; row < rows; row++)
            {
                arguments.X[row] += (blocks - rest) * ActivationBlock.Bytes;
            }

            Run(&arguments, rows, rest, 1);
        }
    }

    private void Run(PackedRowsArguments* arguments, int rows, int blocks, int pieces)
    {
        arguments->Pieces = pieces;
        arguments->Blocks = blocks;
        arguments->GroupBytes = PackedPanel<TFormat>.Layout.GroupBytes(blocks);
        arguments->XBytes = blocks * ActivationBlock.Bytes;
        ((delegate* unmanaged[SuppressGCTransition]<PackedRowsArguments*, void>)_functions[rows - 1])(arguments);
    }

    private static PackedRows<TFormat>? TryCreate()
    {
        if (Emitter.Path is null || TFormat.ScaleForm == ScaleForm.Power)
        {
            return null;
        }

        var shape = PackedRowsShape.Of<TFormat>();
        var assembler = Emitter.CreateAssembler();
        var starts = assembler.ForRows(PackedRowsProgram.MostRows, rows => PackedRowsProgram.Write(assembler, shape, rows));
        return Emitter.Keep("packed_rows", TFormat.Type, assembler.ToArray(), starts, static functions => new PackedRows<TFormat>(functions, Constants()), static made => made.IsRight());
    }

    /// <summary>Writes what the code reads besides.</summary>
    /// <param name="to">[6][64].</param>
    internal static void WriteConstants(byte* to)
    {
        Vector512.Create((byte)15).Store(to);
        Vector512.Create((byte)(3 << (TFormat.CodeBits & 4))).Store(to + 64);
        Vector512.Create((byte)(1 << (TFormat.CodeBits & 6))).Store(to + 128);
        PackedPanel<TFormat>.Table().Store(to + 192);
        Vector512.Create((short)1).Store((short*)(to + 256));
        Vector512.Create((byte)128).Store(to + 320);
    }

    private static byte* Constants()
    {
        // Like the code, the constants stay for as long as the process does.
        var constants = (byte*)NativeMemory.AlignedAlloc(ConstantBytes, 64);
        WriteConstants(constants);
        return constants;
    }

    /// <summary>Compares with the definition on random panels of several lengths.</summary>
    private bool IsRight()
    {
        const int most = (2 * Int8Panel.MaximumBlocks) + 3;
        const int rows = PackedRowsProgram.MostRows;
        var random = new Random(23);
        using var packed = new NativeBuffer(PackedPanel<TFormat>.Layout.PanelBytes(most) + 64);
        using var panel = new NativeBuffer(Int8Panel.MaximumBlocks * Int8Panel<TFormat>.RecordBytes);
        using var x = new NativeBuffer(rows * most * ActivationBlock.Bytes);
        using var y = new NativeBuffer(2 * rows * Panel.Outputs * sizeof(float));
        var xs = stackalloc byte*[rows];
        var ys = stackalloc float*[rows];
        for (var row = 0; row < rows; row++)
        {
            xs[row] = (byte*)x.Address + (row * most * ActivationBlock.Bytes);
            ys[row] = (float*)y.Address + (row * Panel.Outputs);
        }

        ReadOnlySpan<int> lengths = [1, Int8Panel.MaximumBlocks, most, -most];
        foreach (var length in lengths)
        {
            // the last time with the greatest codes and activations, whose sums must not overflow on the way
            var (blocks, isExtreme) = (Math.Abs(length), length < 0);
            EmittedInt8Tile.FillRows(random, (ActivationBlock*)x.Address, rows * most, isExtreme);
            for (var block = 0; block < blocks; block += Int8Panel.MaximumBlocks)
            {
                FillPiece(random, (byte*)packed.Address + PackedPanel<TFormat>.Layout.PieceOffset(block), Math.Min(Int8Panel.MaximumBlocks, blocks - block), isExtreme);
            }

            var expected = (float*)y.Address + (rows * Panel.Outputs);
            for (var row = 0; row < rows; row++)
            {
                Define((byte*)packed.Address, blocks, (ActivationBlock*)xs[row], expected + (row * Panel.Outputs), (byte*)panel.Address);
            }

            for (var count = 1; count <= rows; count++)
            {
                MultiplyTogether((byte*)packed.Address, blocks, xs, ys, 0, count);
                if (!new Span<uint>((void*)y.Address, count * Panel.Outputs).SequenceEqual(new Span<uint>(expected, count * Panel.Outputs)))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static void Define(byte* packed, int blocks, ActivationBlock* x, float* y, byte* panel)
    {
        var arguments = new Int8TileArguments { Panel = panel, Y0 = y };
        for (var block = 0; block < blocks; block += Int8Panel.MaximumBlocks)
        {
            arguments.Blocks = Math.Min(Int8Panel.MaximumBlocks, blocks - block);
            arguments.X0 = x + block;
            arguments.Accumulate = block;
            PackedPanel<TFormat>.Unpack(packed + PackedPanel<TFormat>.Layout.PieceOffset(block), (int)arguments.Blocks, panel);
            new Int8TileReference<TFormat>().One(&arguments);
        }
    }

    /// <summary>Random codes, or the greatest, and sane scales.</summary>
    internal static void FillPiece(Random random, byte* piece, int blocks, bool isExtreme)
    {
        var layout = PackedPanel<TFormat>.Layout;
        for (var group = 0; group < Panel.Outputs / Panel.GroupOutputs; group++, piece += layout.GroupBytes(blocks))
        {
            FillHalves(random, new Span<byte>(piece, layout.UnitBytes));
            for (var block = 0; block < blocks; block++)
            {
                FillScales(random, new Span<byte>(piece + layout.ScalesAt(block), layout.BlockScaleBytes));
                var codes = new Span<byte>(piece + layout.CodesAt(block), layout.CodeBytes);
                random.NextBytes(codes);
                if (isExtreme)
                {
                    codes.Fill(TFormat.OffsetShift == 7 && TFormat.Table.IsEmpty ? (byte)0 : (byte)255);
                }
            }
        }
    }

    private static void FillScales(Random random, Span<byte> scales)
    {
        switch (TFormat.ScaleForm)
        {
            case ScaleForm.Half:
                FillHalves(random, scales);
                break;
            case ScaleForm.Single:
                foreach (ref var scale in MemoryMarshal.Cast<byte, float>(scales))
                {
                    scale = (random.NextSingle() * 2) - 1;
                }

                break;
            default:
                random.NextBytes(scales);
                break;
        }
    }

    private static void FillHalves(Random random, Span<byte> halves)
    {
        foreach (ref var half in MemoryMarshal.Cast<byte, Half>(halves))
        {
            half = (Half)((random.NextSingle() * 2) - 1);
        }
    }
}
