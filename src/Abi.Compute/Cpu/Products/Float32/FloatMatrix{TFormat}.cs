using System.Runtime.CompilerServices;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Products.Float32;

/// <summary>Weights of any format against float32 activations: panels of 64 outputs × 256 columns are decoded once and every row of activations is swept over them.</summary>
internal sealed unsafe class FloatMatrix<TFormat> : PanelledMatrix
    where TFormat : struct, IBlockFormat
{
    /// <summary>The most columns of a panel in scratch: whole blocks of every format, and for single elements what stays in the innermost cache.</summary>
    private static readonly int PanelColumns = TFormat.BlockLength == 1 ? 128 : 256;

    /// <summary>The same for a few rows against packed weights: so few that what is expanded is still on its way to the cache when it is read.</summary>
    private const int FewRowsColumns = 32;

    private static int _isPreparing;

    private readonly FloatTile _tile = FloatTile.Best;

    /// <summary>Takes rows [firstRow, firstRow + rows) of a tensor. Only formats of single elements are repacked; blocks are decoded from where they are.</summary>
    public FloatMatrix(WeightTensor weight, long firstRow, int rows, RepackMode repack)
        : base(weight, firstRow, rows, repack == RepackMode.Never || TFormat.BlockLength != 1 ? 0 : weight.Columns * Panel.Outputs * TFormat.BlockBytes, repack)
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

    public override ActivationForm Form => ActivationForm.Float32;

    protected override int WorkBytes => PanelBytes + (PanelColumns * 16 * sizeof(float));

    public override ProductKernels Kernels =>
        new(Weight.Type, Form, IsKept && typeof(TFormat) == typeof(F16) && HalfRows.Emitted is not null ? Emitter.Path! : _tile.Path, _tile.Path);

    private static int PanelBytes => PanelColumns * Panel.Outputs * sizeof(float);

    protected override void MultiplyPanel(byte** x, float** y, int to, int rows, int first, int outputs, byte* scratch)
    {
        var packed = IsKept ? Packed(first, outputs, scratch) : null;
        if (packed != null && rows <= HalfRows.MostRows && typeof(TFormat) == typeof(F16) && HalfRows.Emitted is { } halves)
        {
            halves.Multiply(packed, Columns, (float**)x, y, to, rows);
            return;
        }

        var most = packed != null && rows < _tile.Height ? FewRowsColumns : PanelColumns;
        for (var column = 0; column < Columns; column += most)
        {
            var some = Math.Min(most, Columns - column);
            var panel = (float*)scratch;
            if (packed == null)
            {
                Fill(first, outputs, column, some, panel, (float*)(scratch + PanelBytes));
            }
            else if (typeof(TFormat) == typeof(F32))
            {
                panel = (float*)packed + ((long)column * Panel.Outputs);
            }
            else
            {
                FloatElements.Expand<TFormat>(packed + ((long)column * Panel.Outputs * sizeof(ushort)), some * Panel.Outputs, panel);
            }

            _tile.All(panel, some, (float**)x, column, y, to, rows, column > 0);
        }
    }

    protected override void Pack(int first, int outputs, byte* packed) =>
        FloatElements.Interleave<TFormat>(Source + (first * Weight.RowByteLength), outputs, Columns, packed);

    /// <summary>Has made what a first use needs, the compiler's code and our own, beside what else a load has to do.</summary>
    private static void Prepare()
    {
        FloatElements.Interleave<TFormat>(null, 0, 0, null);
        _ = typeof(TFormat) == typeof(F16) ? HalfRows.Emitted : null;
    }

    /// <summary>Decodes [outputs][columns] to [columns][64].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Fill(int first, int outputs, int column, int columns, float* panel, float* decoded)
    {
        if (outputs < Panel.Outputs)
        {
            new Span<float>(panel, columns * Panel.Outputs).Clear();
        }

        var rowBytes = Weight.RowByteLength;
        var start = Source + (first * rowBytes) + (column / TFormat.BlockLength * TFormat.BlockBytes);
        var bytes = columns / TFormat.BlockLength * TFormat.BlockBytes;
        for (var output = 0; output < outputs; output++)
        {
            TFormat.Decode(new ReadOnlySpan<byte>(start + (output * rowBytes), bytes), new Span<float>(decoded, columns));
            for (var c = 0; c < columns; c++)
            {
                panel[(c * Panel.Outputs) + output] = decoded[c];
            }
        }
    }
}
