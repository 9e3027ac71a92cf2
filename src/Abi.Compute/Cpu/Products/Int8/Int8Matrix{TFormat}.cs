using System.Runtime.CompilerServices;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Devices;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>Quantised weights against activations of 8 bits: panels of 64 outputs × 256 columns are made integers once and every row of activations is swept over them.</summary>
internal sealed unsafe class Int8Matrix<TFormat> : ProductMatrix
    where TFormat : struct, ILevelFormat
{
    /// <summary>The rows of activations whose outputs of a last, narrower panel are held apart.</summary>
    private const int ApartRows = 48;

    private readonly Int8Tile _tile = Int8Tile.Best<TFormat>();
    private readonly WeightTensor _weight;
    private readonly byte* _rows;
    private readonly PanelStore? _store;

    /// <summary>Takes rows [firstRow, firstRow + rows) of a tensor.</summary>
    public Int8Matrix(WeightTensor weight, long firstRow, int rows, RepackMode repack)
    {
        _weight = weight;
        _rows = weight.Address + (firstRow * weight.RowByteLength);
        Rows = rows;
        Columns = checked((int)weight.Columns);
        if (repack == RepackMode.Never)
        {
            return;
        }

        _store = new PanelStore(weight, _rows, rows * weight.RowByteLength, Int8Panel.Outputs * weight.RowByteLength, PackedPanel<TFormat>.Bytes(Columns / ActivationBlock.Columns));
        if (repack == RepackMode.AtLoad)
        {
            Parallel.For(0, _store.Panels, panel =>
            {
                if (_store.Claim(panel, atOnce: true) == PanelClaim.Make)
                {
                    Make(panel * Int8Panel.Outputs, Math.Min(Int8Panel.Outputs, Rows - (panel * Int8Panel.Outputs)));
                }
            });
        }
    }

    public override int Rows { get; }

    public override int Columns { get; }

    public override ActivationForm Form => ActivationForm.Int8;

    public override int Granularity => Int8Panel.Outputs;

    public override ProductKernels Kernels =>
        new(_weight.Type, Form, _store is not null && PackedRows<TFormat>.Emitted is not null ? Emitter.Path! : _tile.Path, _tile.Path);

    public override long PackedBytes => _store?.MadeBytes ?? 0;

    public override long OwnBytes => _store?.Bytes ?? 0;

    public override int ScratchBytes => checked(PanelBytes + ApartBytes + (int)(_store is null ? 0 : PackedPanel<TFormat>.Bytes(Columns / ActivationBlock.Columns)));

    private static int ApartBytes => ApartRows * Int8Panel.Outputs * sizeof(float);

    private static int PanelBytes => Int8Panel.MaximumBlocks * Int8Panel<TFormat>.RecordBytes;

    public override void Multiply(byte** x, float** y, int rows, int first, int count, byte* scratch)
    {
        if (_store is not null)
        {
            PackedPanel<TFormat>.Prefetch(_store[first / Int8Panel.Outputs], Columns / ActivationBlock.Columns);
        }

        for (var end = first + count; first < end; first += Int8Panel.Outputs)
        {
            var outputs = Math.Min(Int8Panel.Outputs, end - first);
            if (outputs == Int8Panel.Outputs)
            {
                MultiplyPanel(x, y, first, rows, first, outputs, scratch);
            }
            else
            {
                MultiplyNarrowPanel(x, y, rows, first, outputs, scratch);
            }
        }

        GC.KeepAlive(_weight);
    }

    public override void Prefetch(int first, int bytes) => _store?.Prefetch(first / Int8Panel.Outputs, bytes);

    public override void Dispose() => _store?.Dispose();

    /// <summary>Tiles write 64 outputs: those of a narrower panel go to scratch first.</summary>
    private void MultiplyNarrowPanel(byte** x, float** y, int rows, int first, int outputs, byte* scratch)
    {
        var apart = (float*)(scratch + PanelBytes);
        var pointers = stackalloc float*[ApartRows];
        for (var i = 0; i < ApartRows; i++)
        {
            pointers[i] = apart + (i * Int8Panel.Outputs);
        }

        for (var row = 0; row < rows; row += ApartRows)
        {
            var some = Math.Min(ApartRows, rows - row);
            MultiplyPanel(x + row, pointers, 0, some, first, outputs, scratch);
            for (var i = 0; i < some; i++)
            {
                Unsafe.CopyBlockUnaligned(y[row + i] + first, pointers[i], (uint)(outputs * sizeof(float)));
            }
        }
    }

    /// <summary>Writes the 64 outputs of a panel to <c>y[row] + to</c>.</summary>
    private void MultiplyPanel(byte** x, float** y, int to, int rows, int first, int outputs, byte* panel)
    {
        var blocks = Columns / ActivationBlock.Columns;
        var packed = _store is null ? null : Packed(first, outputs, panel);
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
                Int8Panel<TFormat>.FillFromRows(Source(first, block), _weight.RowByteLength, outputs, some, panel);
            }

            arguments.Blocks = some;
            arguments.Accumulate = block;
            MultiplyPiece(&arguments, x, y, to, rows, block);
        }
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
    private byte* Source(int first, int block) => _rows + (first * _weight.RowByteLength) + (block * ActivationBlock.Columns / TFormat.BlockLength * TFormat.BlockBytes);

    /// <summary>The packed panel of the outputs from <paramref name="first"/> on, made now if it is not there yet: in its place, or the first time in scratch.</summary>
    private byte* Packed(int first, int outputs, byte* scratch)
    {
        switch (_store!.Claim(first / Int8Panel.Outputs))
        {
            case PanelClaim.MakeAside:
                var aside = scratch + PanelBytes + ApartBytes;
                PanelPacking<TFormat>.Pack(Source(first, 0), _weight.RowByteLength, outputs, Columns / ActivationBlock.Columns, aside);
                return aside;
            case PanelClaim.Make:
                Make(first, outputs);
                break;
        }

        return _store[first / Int8Panel.Outputs];
    }

    private void Make(int first, int outputs)
    {
        PanelPacking<TFormat>.Pack(Source(first, 0), _weight.RowByteLength, outputs, Columns / ActivationBlock.Columns, _store![first / Int8Panel.Outputs]);
        _store.Finish(first / Int8Panel.Outputs);
    }
}
