using System.Runtime.Intrinsics;
using Abi.Compute.Adapters;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Low-rank changes of a product: for each rank in ascending order <c>t = A[r] · x</c> in sixteen lanes, then <c>y += (scale × t) B[r]</c>.</summary>
internal sealed unsafe class AdaptRow(WeightTensor weight, RowSpace rows, Slot x, Slot y, Slot result) : AdaptingRow(weight, rows, y, result)
{
    public override string Name => "Adapt";

    public override int Cost { get; } = x.Width + y.Width;

    protected override void Add(WeightAdapter adapter, StepFrame frame, int row, float* y) => AddProduct(adapter, 0, x.Row(row), y);

    /// <summary>The plain form, of one expert's change where there are several: <paramref name="x"/> is [in], <paramref name="y"/> [out].</summary>
    internal static void AddProduct(WeightAdapter adapter, int expert, float* x, float* y)
    {
        var (rank, columns, outputs) = (adapter.Rank, (int)adapter.A.Columns, (int)adapter.B.Columns);
        var a = (float*)adapter.A.Address + ((long)expert * rank * columns);
        var b = (float*)adapter.B.Address + ((long)expert * rank * outputs);
        for (var r = 0; r < rank; r++, a += columns, b += outputs)
        {
            var sum = Vector512<float>.Zero;
            for (var k = 0; k < columns; k += Lanes.Count)
            {
                sum = Lanes.Fma(Lanes.Load(a + k, columns - k), Lanes.Load(x + k, columns - k), sum);
            }

            AddScaled(Lanes.Sum(sum) * adapter.Scale, b, y, outputs);
        }
    }

    /// <summary><c>y += t x</c>.</summary>
    internal static void AddScaled(float t, float* x, float* y, int count)
    {
        var factor = Vector512.Create(t);
        for (var i = 0; i < count; i += Lanes.Count)
        {
            Lanes.Store(Lanes.Fma(factor, Lanes.Load(x + i, count - i), Lanes.Load(y + i, count - i)), y + i, count - i);
        }
    }
}
