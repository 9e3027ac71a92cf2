using System.Runtime.CompilerServices;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Products.Float32;

/// <summary>Weights of any format against float32 activations: panels of 64 outputs × 256 columns are decoded once and every row of activations is swept over them.</summary>
internal sealed unsafe class FloatMatrix<TFormat> : ProductMatrix
    where TFormat : struct, IBlockFormat
{
    /// <summary>The most columns of a panel in scratch: whole blocks of every format, and for single elements what stays in the innermost cache.</summary>
    private static readonly int PanelColumns = TFormat.BlockLength == 1 ? 128 : 256;

    /// <summary>The rows of activations whose outputs of a last, narrower panel are held apart.</summary>
    private const int ApartRows = 48;

    private readonly FloatTile _tile = FloatTile.Best;
    private readonly WeightTensor _weight;
    private readonly byte* _rows;
    private readonly PanelStore? _store;

    /// <summary>Takes rows [firstRow, firstRow + rows) of a tensor. Only formats of single elements are repacked; blocks are decoded from where they are.</summary>
    public FloatMatrix(WeightTensor weight, long firstRow, int rows, RepackMode repack)
    {
        _weight = weight;
        _rows = weight.Address + (firstRow * weight.RowByteLength);
        Rows = rows;
        Columns = checked((int)weight.Columns);
        if (repack == RepackMode.Never || TFormat.BlockLength != 1)
        {
            return;
        }

        _store = new PanelStore(weight, _rows, rows * weight.RowByteLength, FloatTile.Outputs * weight.RowByteLength, PackedPanelBytes);
        if (repack == RepackMode.AtLoad)
        {
            Parallel.For(0, _store.Panels, panel =>
            {
                if (_store.Claim(panel, atOnce: true) == PanelClaim.Make)
                {
                    Make(panel * FloatTile.Outputs, Math.Min(FloatTile.Outputs, Rows - (panel * FloatTile.Outputs)));
                }
            });
        }
    }

    public override int Rows { get; }

    public override int Columns { get; }

    public override ActivationForm Form => ActivationForm.Float32;

    public override int Granularity => FloatTile.Outputs;

    public override ProductKernels Kernels =>
        new(_weight.Type, Form, _store is not null && typeof(TFormat) == typeof(F16) && HalfRows.Emitted is not null ? Emitter.Path! : _tile.Path, _tile.Path);

    public override long PackedBytes => _store?.MadeBytes ?? 0;

    public override long OwnBytes => _store?.Bytes ?? 0;

    public override int ScratchBytes => checked(PanelBytes + DecodedBytes + ApartBytes + (int)(_store is null ? 0 : PackedPanelBytes));

    private static int DecodedBytes => PanelColumns * 16 * sizeof(float);

    private static int ApartBytes => ApartRows * FloatTile.Outputs * sizeof(float);

    private long PackedPanelBytes => (long)Columns * FloatTile.Outputs * TFormat.BlockBytes;

    private static int PanelBytes => PanelColumns * FloatTile.Outputs * sizeof(float);

    public override void Multiply(byte** x, float** y, int rows, int first, int count, byte* scratch)
    {
        for (var end = first + count; first < end; first += FloatTile.Outputs)
        {
            var outputs = Math.Min(FloatTile.Outputs, end - first);
            if (outputs == FloatTile.Outputs)
            {
                MultiplyPanel((float**)x, y, first, rows, first, outputs, scratch);
            }
            else
            {
                MultiplyNarrowPanel((float**)x, y, rows, first, outputs, scratch);
            }
        }

        GC.KeepAlive(_weight);
    }

    public override void Prefetch(int first, int bytes) => _store?.Prefetch(first / FloatTile.Outputs, bytes);

    public override void Dispose() => _store?.Dispose();

    /// <summary>Tiles write 64 outputs: those of a narrower panel go to scratch first.</summary>
    private void MultiplyNarrowPanel(float** x, float** y, int rows, int first, int outputs, byte* scratch)
    {
        var apart = (float*)(scratch + PanelBytes + DecodedBytes);
        var pointers = stackalloc float*[ApartRows];
        for (var i = 0; i < ApartRows; i++)
        {
            pointers[i] = apart + (i * FloatTile.Outputs);
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
    private void MultiplyPanel(float** x, float** y, int to, int rows, int first, int outputs, byte* scratch)
    {
        var packed = _store is null ? null : Packed(first, outputs, scratch);
        if (packed != null && rows <= HalfRows.MostRows && typeof(TFormat) == typeof(F16) && HalfRows.Emitted is { } halves)
        {
            halves.Multiply(packed, Columns, x, y, to, rows);
            return;
        }

        for (var column = 0; column < Columns; column += PanelColumns)
        {
            var some = Math.Min(PanelColumns, Columns - column);
            var panel = (float*)scratch;
            if (packed == null)
            {
                Fill(first, outputs, column, some, panel, (float*)(scratch + PanelBytes));
            }
            else if (typeof(TFormat) == typeof(F32))
            {
                panel = (float*)packed + ((long)column * FloatTile.Outputs);
            }
            else
            {
                FloatElements.Expand<TFormat>(packed + ((long)column * FloatTile.Outputs * sizeof(ushort)), some * FloatTile.Outputs, panel);
            }

            var row = 0;
            for (; row + _tile.Height <= rows; row += _tile.Height)
            {
                _tile.Several(panel, some, x + row, column, y + row, to, column > 0);
            }

            for (; row < rows; row++)
            {
                _tile.One(panel, some, x[row] + column, y[row] + to, column > 0);
            }
        }
    }

    /// <summary>Decodes [outputs][columns] to [columns][64].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Fill(int first, int outputs, int column, int columns, float* panel, float* decoded)
    {
        if (outputs < FloatTile.Outputs)
        {
            new Span<float>(panel, columns * FloatTile.Outputs).Clear();
        }

        var rowBytes = _weight.RowByteLength;
        var start = _rows + (first * rowBytes) + (column / TFormat.BlockLength * TFormat.BlockBytes);
        var bytes = columns / TFormat.BlockLength * TFormat.BlockBytes;
        for (var output = 0; output < outputs; output++)
        {
            TFormat.Decode(new ReadOnlySpan<byte>(start + (output * rowBytes), bytes), new Span<float>(decoded, columns));
            for (var c = 0; c < columns; c++)
            {
                panel[(c * FloatTile.Outputs) + output] = decoded[c];
            }
        }
    }

    /// <summary>The packed panel [columns][64] of the outputs from <paramref name="first"/> on, made now if it is not there yet: in its place, or the first time in scratch.</summary>
    private byte* Packed(int first, int outputs, byte* scratch)
    {
        switch (_store!.Claim(first / FloatTile.Outputs))
        {
            case PanelClaim.MakeAside:
                var aside = scratch + PanelBytes + DecodedBytes + ApartBytes;
                FloatElements.Interleave<TFormat>(_rows + (first * _weight.RowByteLength), outputs, Columns, aside);
                return aside;
            case PanelClaim.Make:
                Make(first, outputs);
                break;
        }

        return _store[first / FloatTile.Outputs];
    }

    private void Make(int first, int outputs)
    {
        FloatElements.Interleave<TFormat>(_rows + (first * _weight.RowByteLength), outputs, Columns, _store![first / FloatTile.Outputs]);
        _store.Finish(first / FloatTile.Outputs);
    }
}
