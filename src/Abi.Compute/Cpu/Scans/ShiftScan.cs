using System.Runtime.CompilerServices;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Scans;

/// <summary>The row before each row.</summary>
internal sealed unsafe class ShiftScan(Slot x, Slot result) : Scan
{
    public override string Name => "ShiftRows";

    public override int Units => 1;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(StepSequence sequence, int first, int end, float* before, float* after, byte* scratch)
    {
        var width = x.Width;
        for (var t = 0; t < sequence.RowCount; t++)
        {
            var from = t == 0 ? before : x.Row(sequence.FirstRow + t - 1);
            new ReadOnlySpan<float>(from, width).CopyTo(new Span<float>(result.Row(sequence.FirstRow + t), width));
        }

        var last = sequence.RowCount == 0 ? before : x.Row(sequence.FirstRow + sequence.RowCount - 1);
        new ReadOnlySpan<float>(last, width).CopyTo(new Span<float>(after, width));
    }
}
