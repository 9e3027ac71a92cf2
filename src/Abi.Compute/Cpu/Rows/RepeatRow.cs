using Abi.Compute.Cpu.Plans;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Groups of columns several times: each in turn, or all of them again and again.</summary>
internal sealed unsafe class RepeatRow(Slot x, int groups, int times, bool interleaved, Slot result) : RowOperation
{
    public override string Name => "Repeat";

    public override int Cost => result.Width;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        var length = x.Width / groups;
        for (var row = first; row < end; row++)
        {
            for (var i = 0; i < groups * times; i++)
            {
                var group = interleaved ? i / times : i % groups;
                new ReadOnlySpan<float>(x.Row(row) + (group * length), length).CopyTo(new Span<float>(result.Row(row) + (i * length), length));
            }
        }
    }
}
