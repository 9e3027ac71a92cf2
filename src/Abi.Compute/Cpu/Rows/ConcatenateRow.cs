using Abi.Compute.Cpu.Plans;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Parts side by side, group by group; shared parts whole in every group.</summary>
internal sealed unsafe class ConcatenateRow(Slot[] parts, int groups, bool[] shared, Slot result) : RowOperation
{
    public override string Name => "Concatenate";

    public override int Cost => result.Width;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        for (var row = first; row < end; row++)
        {
            var y = result.Row(row);
            for (var group = 0; group < groups; group++)
            {
                for (var i = 0; i < parts.Length; i++)
                {
                    var length = shared[i] ? parts[i].Width : parts[i].Width / groups;
                    new ReadOnlySpan<float>(parts[i].Row(row) + (shared[i] ? 0 : group * length), length).CopyTo(new Span<float>(y, length));
                    y += length;
                }
            }
        }
    }
}
