using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Devices;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>Quantised weights against activations of 8 bits: panels of 64 outputs × 256 columns are made integers once and every row of activations is swept over them.</summary>
internal sealed unsafe class Int8Matrix<TFormat> : PanelledMatrix
    where TFormat : struct, ILevelFormat
{
    private readonly Int8Tile _tile = Int8Tile.Best<TFormat>();

    /// <summary>Takes rows [firstRow, firstRow + rows) of a tensor.</summary>
    public Int8Matrix(WeightTensor weight, long firstRow, int rows, RepackMode repack)
        : base(weight, firstRow, rows, repack == RepackMode.Never ? 0 : PackedPanel<TFormat>.Bytes(checked((int)weight.Columns) / ActivationBlock.Columns), repack)
    {
        if (repack == RepackMode.AtLoad)
        {
            PackAll();
        }
    }

    public override ActivationForm Form => ActivationForm.Int8;

    public override ProductKernels Kernels =>
        new(Weight.Type, Form, IsKept && PackedRows<TFormat>.Emitted is not null ? Emitter.Path! : _tile.Path, _tile.Path);

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

        var arguments = new Int8TileArguments { Panel = panel };
        for (var block = 0; block < blocks; block += Int8Panel.MaximumBlocks)
        {
            var some = Math.Min(Int8Panel.MaximumBlocks, blocks - block);
            if (packed != null)
            {
                PackedPanel<TFormat>.Unpack(packed + PackedPanel<TFormat>.PieceOffset(block), some, panel);
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
                    _tile.One(arguments);
                    break;
                case 2:
                    _tile.Two(arguments);
                    break;
                default:
                    _tile.Three(arguments);
                    break;
            }
        }
    }

    /// <summary>Where the first of some rows has a block of 32 columns.</summary>
    private byte* RowsAt(int first, int block) => Source + (first * Weight.RowByteLength) + (block * ActivationBlock.Columns / TFormat.BlockLength * TFormat.BlockBytes);
}
