using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Rotary embedding of each head by a table of the step.</summary>
internal sealed unsafe class RopeRow(Slot x, RopeSettings settings, Slot table, Slot result) : RowOperation
{
    public override string Name => "Rope";

    public override int Cost => 2 * result.Width;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        var (pairs, half) = (settings.Rotated / 2, RopeTable.Half(settings));
        for (var row = first; row < end; row++)
        {
            var from = x.Row(row);
            var to = result.Row(row);
            var cosines = table.Row(row);
            if (from != to && settings.Rotated < settings.HeadSize)
            {
                new ReadOnlySpan<float>(from, result.Width).CopyTo(new Span<float>(to, result.Width));
            }

            for (var column = settings.Offset; column < result.Width; column += settings.HeadSize)
            {
                if (settings.Pairing == RopePairing.Neighbours)
                {
                    RopeKernels.RotateNeighbours(from + column, to + column, pairs, cosines, cosines + half);
                }
                else
                {
                    RopeKernels.RotateHalves(from + column, to + column, pairs, cosines, cosines + half);
                }
            }
        }
    }
}
