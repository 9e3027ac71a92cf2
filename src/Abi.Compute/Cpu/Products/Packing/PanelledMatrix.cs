using System.Runtime.CompilerServices;
using Abi.Compute.Devices;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>A matrix whose kernels compute the 64 outputs of a panel at a time, from packed panels that are kept or made aside.</summary>
internal abstract unsafe class PanelledMatrix : ProductMatrix
{
    /// <summary>The rows of activations whose outputs of a last, narrower panel are held apart.</summary>
    private const int ApartRows = 48;

    private readonly PanelStore? _store;
    private readonly long _packedBytes;

    /// <summary>Takes rows [firstRow, firstRow + rows) of a tensor.</summary>
    /// <param name="weight">The tensor.</param>
    /// <param name="firstRow">The first row.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="packedBytes">The bytes of a packed panel, a multiple of 64; 0 where panels are not packed.</param>
    /// <param name="repack">Whether packed panels are kept.</param>
    protected PanelledMatrix(WeightTensor weight, long firstRow, int rows, long packedBytes, RepackMode repack)
    {
        Weight = weight;
        Source = weight.Address + (firstRow * weight.RowByteLength);
        Rows = rows;
        Columns = checked((int)weight.Columns);
        _packedBytes = packedBytes;
        if (repack != RepackMode.Never && packedBytes > 0)
        {
            _store = new PanelStore(weight, Source, rows * weight.RowByteLength, Panel.Outputs * weight.RowByteLength, packedBytes);
        }
    }

    public override int Rows { get; }

    public override int Columns { get; }

    public override int Granularity => Panel.Outputs;

    public override long PackedBytes => _store?.MadeBytes ?? 0;

    public override long OwnBytes => _store?.Bytes ?? 0;

    public override int ScratchBytes => checked(WorkBytes + ApartBytes + (int)_packedBytes);

    /// <summary>The tensor.</summary>
    protected WeightTensor Weight { get; }

    /// <summary>The first row, as the file has it.</summary>
    protected byte* Source { get; }

    /// <summary>Whether packed panels are kept.</summary>
    protected bool IsKept => _store is not null;

    /// <summary>The bytes of scratch that the kernels of a panel need, a multiple of 64.</summary>
    protected abstract int WorkBytes { get; }

    private static int ApartBytes => ApartRows * Panel.Outputs * sizeof(float);

    public override void Multiply(byte** x, float** y, int rows, int first, int count, byte* scratch)
    {
        for (var end = first + count; first < end; first += Panel.Outputs)
        {
            var outputs = Math.Min(Panel.Outputs, end - first);
            if (outputs == Panel.Outputs)
            {
                MultiplyPanel(x, y, first, rows, first, outputs, scratch);
            }
            else
            {
                MultiplyNarrowPanel(x, y, rows, first, outputs, scratch);
            }
        }

        GC.KeepAlive(Weight);
    }

    public override bool Prefetch(int first, int count, int offset, int bytes) =>
        _store is not null && _store.Prefetch(first / Panel.Outputs, (count + Panel.Outputs - 1) / Panel.Outputs, offset, bytes);

    public override void Dispose() => _store?.Dispose();

    /// <summary>Writes the 64 outputs of a panel, of which <paramref name="outputs"/> are there, to <c>y[row] + to</c>.</summary>
    protected abstract void MultiplyPanel(byte** x, float** y, int to, int rows, int first, int outputs, byte* scratch);

    /// <summary>Packs the outputs from <paramref name="first"/> on; those beyond become zero.</summary>
    protected abstract void Pack(int first, int outputs, byte* packed);

    /// <summary>Where the packed panel of the outputs from <paramref name="first"/> on is, or will be; only where they are kept.</summary>
    protected byte* PanelAt(int first) => _store![first / Panel.Outputs];

    /// <summary>Packs all panels at once.</summary>
    protected void PackAll() => Parallel.For(0, _store?.Panels ?? 0, panel =>
    {
        if (_store!.Claim(panel, atOnce: true) == PanelClaim.Make)
        {
            Make(panel * Panel.Outputs, Math.Min(Panel.Outputs, Rows - (panel * Panel.Outputs)));
        }
    });

    /// <summary>The packed panel of the outputs from <paramref name="first"/> on, made now if it is not there yet: in its place, or aside in scratch the first time or where none are kept.</summary>
    protected byte* Packed(int first, int outputs, byte* scratch)
    {
        switch (_store?.Claim(first / Panel.Outputs) ?? PanelClaim.MakeAside)
        {
            case PanelClaim.MakeAside:
                var aside = scratch + WorkBytes + ApartBytes;
                Pack(first, outputs, aside);
                _store?.FinishAside(first / Panel.Outputs);
                return aside;
            case PanelClaim.Make:
                Make(first, outputs);
                break;
        }

        return PanelAt(first);
    }

    private void Make(int first, int outputs)
    {
        Pack(first, outputs, PanelAt(first));
        _store!.Finish(first / Panel.Outputs);
    }

    /// <summary>Kernels write 64 outputs: those of a narrower panel go to scratch first.</summary>
    private void MultiplyNarrowPanel(byte** x, float** y, int rows, int first, int outputs, byte* scratch)
    {
        var apart = (float*)(scratch + WorkBytes);
        var pointers = stackalloc float*[ApartRows];
        for (var i = 0; i < ApartRows; i++)
        {
            pointers[i] = apart + (i * Panel.Outputs);
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
}
