using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Plans;

/// <summary>Packs the step's own keys and values into pages, a page a chunk.</summary>
internal sealed unsafe class PackStage(StepFrame frame, int block, Slot keys, Slot values, PackedSource target) : Stage(frame, block)
{
    public override int Prepare()
    {
        target.Reserve();
        return target.PageCount;
    }

    public override void Execute(int chunk, int worker)
    {
        var (index, page) = target.Find(chunk);
        var sequence = Frame.Inputs.Sequences[index];
        var shape = target.Shape;
        var first = page * StateStore.PageLength;
        for (var i = 0; i < Math.Min(StateStore.PageLength, sequence.RowCount - first); i++)
        {
            var row = sequence.FirstRow + first + i;
            for (var head = 0; head < shape.Heads; head++)
            {
                PageKernels.Store(keys.Row(row) + (head * shape.KeySize), values.Row(row) + (head * shape.ValueSize), target.Page(index, page) + (head * shape.HeadBytes), i, shape);
            }
        }
    }

    public override string Describe() => $"pack {keys.Name}, {values.Name}";
}
