using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Float32;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Products.Bfloat16;

/// <summary>
/// Weights of 16 bits rounded to bfloat16 against activations that are too. Where the processor has products of such pairs they are used; elsewhere the same numbers are made float32 and
/// added in the same order, which gives the same bits.
/// </summary>
internal sealed unsafe class Bf16Matrix<TFormat> : PanelledMatrix
    where TFormat : struct, IBlockFormat
{
    /// <summary>The pairs of a panel that stay in the innermost cache while rows are swept over them, as they are packed.</summary>
    private const int PackedPairs = 128;

    /// <summary>The same once they are float32.</summary>
    private const int ExpandedPairs = 64;

    /// <summary>Takes rows [firstRow, firstRow + rows) of a tensor of single elements.</summary>
    public Bf16Matrix(WeightTensor weight, long firstRow, int rows, RepackMode repack)
        : base(weight, firstRow, rows, (weight.Columns + 1) / 2 * Panel.Outputs * sizeof(uint), repack)
    {
        if (repack == RepackMode.AtLoad)
        {
            PackAll();
        }
    }

    public override ActivationForm Form => Bf16Rows.Emitted is null ? ActivationForm.Bf16AsFloat32 : ActivationForm.Bf16;

    public override ProductKernels Kernels => Bf16Rows.Emitted is null
        ? new ProductKernels(Weight.Type, Form, FloatTile.Best.Path, Bf16Tile.Path)
        : new ProductKernels(Weight.Type, Form, Emitter.Path!, Emitter.Path!);

    protected override int WorkBytes => Bf16Rows.Emitted is null ? 2 * ExpandedPairs * Panel.Outputs * sizeof(float) : 0;

    protected override void MultiplyPanel(byte** x, float** y, int to, int rows, int first, int outputs, byte* scratch)
    {
        var packed = (uint*)Packed(first, outputs, scratch);
        var pairs = Bf16Elements.Pairs(Columns);
        var most = Bf16Rows.Emitted is null ? ExpandedPairs : rows <= HalfRowsProgram.MostRows ? Bf16Rows.MostPairs : PackedPairs;
        for (var pair = 0; pair < pairs; pair += most)
        {
            var some = Math.Min(most, pairs - pair);
            var piece = packed + ((long)pair * Panel.Outputs);
            if (Bf16Rows.Emitted is { } emitted)
            {
                emitted.Multiply(piece, some, (uint**)x, pair, y, to, rows, pair > 0);
                continue;
            }

            if (rows <= Bf16Tile.MostRows)
            {
                for (var row = 0; row < rows; row++)
                {
                    Bf16Tile.One(piece, some, (float*)x[row] + (2 * pair), y[row] + to, pair > 0);
                }

                continue;
            }

            Bf16Elements.Expand(piece, some, (float*)scratch);
            FloatTile.Best.All((float*)scratch, 2 * some, (float**)x, 2 * pair, y, to, rows, pair > 0);
        }
    }

    protected override void Pack(int first, int outputs, byte* packed) =>
        Bf16Elements.Pack<TFormat>(Source + (first * Weight.RowByteLength), outputs, Columns, packed);
}
