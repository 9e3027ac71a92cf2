using Abi.Compute.Adapters;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Low-rank changes of the products with the chosen experts' matrices: each part of a row gets its expert's change, as <see cref="AdaptRow"/> adds it.</summary>
internal sealed unsafe class AdaptExpertsRow(WeightTensor weight, RowSpace rows, Slot x, Slot y, Slot route, Slot result) : AdaptingRow(weight, rows, y, result)
{
    private readonly int _used = route.Width / 2;
    private readonly int _step = x.Width == weight.Columns ? 0 : (int)weight.Columns; // from the input of one part to that of the next
    private readonly int _outputs = (int)weight.Shape[1];

    public override string Name => "Adapt experts";

    public override int Cost { get; } = x.Width + y.Width;

    protected override void Add(WeightAdapter adapter, StepFrame frame, int row, float* y)
    {
        for (var i = 0; i < _used; i++)
        {
            AdaptRow.AddProduct(adapter, (int)route.Row(row)[i], x.Row(row) + (i * _step), y + (i * _outputs));
        }
    }
}
