using Abi.Compute.Cpu.Plans;

namespace Abi.Compute.Cpu.Rows;

/// <summary>A range of columns of each group.</summary>
internal sealed unsafe class SliceRow(Slot x, int groups, int offset, Slot result) : RowOperation
{
    public override string Name => "Slice";

    public override int Cost => result.Width;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        var (from, to) = (x.Width / groups, result.Width / groups);
        for (var row = first; row < end; row++)
        {
            for (var group = 0; group < groups; group++)
            {
                new ReadOnlySpan<float>(x.Row(row) + (group * from) + offset, to).CopyTo(new Span<float>(result.Row(row) + (group * to), to));
            }
        }
    }
}
