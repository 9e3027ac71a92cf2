using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Devices;
using Abi.Compute.Memory;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>Quantised weights against activations of 8 bits: panels of 64 outputs × 256 columns are made integers once and every row of activations is swept over them.</summary>
internal sealed unsafe class Int8Matrix<TFormat> : PanelledMatrix
    where TFormat : struct, ILevelFormat
{
    private static int _isPreparing;

    /// <summary>Takes rows [firstRow, firstRow + rows) of a tensor.</summary>
    public Int8Matrix(WeightTensor weight, long firstRow, int rows, RepackMode repack)
        : base(weight, firstRow, rows, repack == RepackMode.Never ? 0 : PackedPanel<TFormat>.Layout.PanelBytes(checked((int)weight.Columns) / ActivationBlock.Columns), repack)
    {
        if (IsKept && Interlocked.Exchange(ref _isPreparing, 1) == 0)
        {
            _ = Task.Run(Prepare);
        }

        if (repack == RepackMode.AtLoad)
        {
            PackAll();
        }
    }

    public override ActivationForm Form => ActivationForm.Int8;

    public override ProductKernels Kernels =>
        new(Weight.Type, Form, !IsKept ? Tile.Path : PackedRows<TFormat>.Emitted is not null ? Emitter.Path! : PackedRow.Best<TFormat>().Path, Tile.Path);

    /// <summary>Made when rows are many enough for it, which those of a first prompt may not be.</summary>
    private static Int8Tile Tile => Int8Tile.Best<TFormat>();

    protected override int WorkBytes => Int8Panel.MaximumBlocks * Int8Panel<TFormat>.RecordBytes;

    private int Blocks => Columns / ActivationBlock.Columns;

    public override void Multiply(byte** x, float** y, int rows, int first, int count, byte* scratch)
    {
        if (IsKept)
        {
            PackedPanel<TFormat>.Prefetch(PanelAt(first), Blocks);
        }

        base.Multiply(x, y, rows, first, count, scratch);
    }

    protected override void MultiplyPanel(byte** x, float** y, int to, int rows, int first, int outputs, byte* panel)
    {
        var blocks = Blocks;
        var packed = IsKept ? Packed(first, outputs, panel) : null;
        if (packed != null && rows <= PackedRows<TFormat>.WorthRows && PackedRows<TFormat>.Emitted is { } direct)
        {
            direct.Multiply(packed, blocks, x, y, to, rows);
            return;
        }

        if (packed != null && rows <= PackedRow.WorthRows)
        {
            for (var row = 0; row < rows; row++)
            {
                PackedRow.Best<TFormat>().Multiply(packed, blocks, (ActivationBlock*)x[row], y[row] + to);
            }

            return;
        }

        var arguments = new Int8TileArguments { Panel = panel };
        for (var block = 0; block < blocks; block += Int8Panel.MaximumBlocks)
        {
            var some = Math.Min(Int8Panel.MaximumBlocks, blocks - block);
            if (packed != null)
            {
                PackedPanel<TFormat>.Unpack(packed + PackedPanel<TFormat>.Layout.PieceOffset(block), some, panel);
            }
            else
            {
                Int8Panel<TFormat>.FillFromRows(RowsAt(first, block), Weight.RowByteLength, outputs, some, panel);
            }

            arguments.Blocks = some;
            arguments.Accumulate = block;
            MultiplyPiece(&arguments, x, y, to, rows, block);
        }
    }

    protected override void Pack(int first, int outputs, byte* packed) => PanelPacking<TFormat>.Pack(RowsAt(first, 0), Weight.RowByteLength, outputs, Blocks, packed);

    /// <summary>Has made what a first use needs, the compiler's code and our own, beside what else a load has to do.</summary>
    private static void Prepare()
    {
        using var panel = new NativeBuffer(PackedPanel<TFormat>.Layout.PanelBytes(Int8Panel.MaximumBlocks));
        PanelPacking<TFormat>.Pack(null, 0, 0, Int8Panel.MaximumBlocks, (byte*)panel.Address);
        _ = PackedRows<TFormat>.Emitted;
    }

    /// <summary>Sweeps the rows over an unpacked piece, three at a time.</summary>
    private void MultiplyPiece(Int8TileArguments* arguments, byte** x, float** y, int to, int rows, int block)
    {
        for (int row = 0, some; row < rows; row += some)
        {
            some = Math.Min(rows - row, 3);
            for (var i = 0; i < some; i++)
            {
                (&arguments->X0)[i] = (ActivationBlock*)x[row + i] + block;
                (&arguments->Y0)[i] = y[row + i] + to;
            }

            switch (some)
            {
                case 1:
                    Tile.One(arguments);
                    break;
                case 2:
                    Tile.Two(arguments);
                    break;
                default:
                    Tile.Three(arguments);
                    break;
            }
        }
    }

    /// <summary>Where the first of some rows has a block of 32 columns.</summary>
    private byte* RowsAt(int first, int block) => Source + (first * Weight.RowByteLength) + (block * ActivationBlock.Columns / TFormat.BlockLength * TFormat.BlockBytes);
}
