using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;

namespace Abi.Compute.Cpu.Rows;

/// <summary>A function of each element and a weight's: the weight is [width], the same for every row.</summary>
internal sealed unsafe class MapWeight<TFunction>(string name, Slot x, float* weight, Slot result, TFunction function) : ElementOperation(name, result)
    where TFunction : struct, ILaneFunction2
{
    public override void Apply(StepFrame frame, int row, int first, int count) =>
        ElementKernels.Map(x.Row(row) + first, weight + first, Result.Row(row) + first, count, function);
}
