using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;

namespace Abi.Compute.Cpu.Rows;

/// <summary>The sum of the experts' parts, in the order of the route, weighted or not; <paramref name="scales"/> is [experts] or null.</summary>
internal sealed unsafe class ExpertSumRow(Slot x, Slot route, bool weighted, float* scales, Slot result) : RowOperation
{
    public override string Name => "ExpertSum";

    public override int Cost => x.Width;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        var used = route.Width / 2;
        var width = result.Width;
        for (var row = first; row < end; row++)
        {
            var y = result.Row(row);
            var picks = route.Row(row);
            new Span<float>(y, width).Clear();
            for (var i = 0; i < used; i++)
            {
                var scale = scales == null ? 1 : scales[(int)picks[i]];
                ElementKernels.Map(x.Row(row) + (i * width), y, y, width, new AddScaledLanes(scale, weighted ? picks[used + i] : 1));
            }
        }
    }

    private readonly struct AddScaledLanes(float scale, float weight) : ILaneFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a, Vector512<float> b) => (a * Vector512.Create(scale) * Vector512.Create(weight)) + b;
    }
}
