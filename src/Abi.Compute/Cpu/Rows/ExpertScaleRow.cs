using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Each expert's part of x, or a copy of x for each, times the route's weight.</summary>
internal sealed unsafe class ExpertScaleRow(Slot x, Slot route, Slot result) : RowOperation
{
    public override string Name => "ExpertScale";

    public override int Cost => result.Width;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        var used = route.Width / 2;
        var width = result.Width / used;
        for (var row = first; row < end; row++)
        {
            for (var i = 0; i < used; i++)
            {
                ElementKernels.Map(x.Row(row) + (i * width % x.Width), result.Row(row) + (i * width), width, new ScaleLanes(route.Row(row)[used + i], 0));
            }
        }
    }
}
