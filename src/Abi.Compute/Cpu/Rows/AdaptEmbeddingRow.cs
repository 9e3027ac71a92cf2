using Abi.Compute.Adapters;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Low-rank changes of looked-up embeddings: for each rank in ascending order <c>y += (scale × B[id, r]) A[r]</c>.</summary>
internal sealed unsafe class AdaptEmbeddingRow(WeightTensor table, Slot y, Slot result) : AdaptingRow(table, RowSpace.Tokens, y, result)
{
    public override string Name => "Adapt embedding";

    public override int Cost { get; } = y.Width;

    protected override void Add(WeightAdapter adapter, StepFrame frame, int row, float* y)
    {
        var (rank, width, entries) = (adapter.Rank, (int)adapter.A.Columns, adapter.B.Columns);
        var a = (float*)adapter.A.Address;
        var b = (float*)adapter.B.Address + frame.Inputs.Ids[row]; // the look-up has checked the id
        for (var r = 0; r < rank; r++, a += width, b += entries)
        {
            AdaptRow.AddScaled(*b * adapter.Scale, a, y, width);
        }
    }
}
