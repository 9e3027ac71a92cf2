using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Scans;

/// <summary>Mamba 2's scan; a unit is a head, states are lanes. A and D are [heads], D may be null; state [heads, head size, states].</summary>
internal sealed unsafe class HeadScanUnits(Slot x, Slot delta, Slot b, Slot c, float* a, float* d, int groups, Slot result) : Scan
{
    public override string Name => "HeadScan";

    public override int Units => delta.Width;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(StepSequence sequence, int first, int end, float* before, float* after, byte* scratch)
    {
        var (heads, states) = (delta.Width, b.Width / groups);
        var size = x.Width / heads;
        CopyState(before, after, size * states, first, end);
        for (var head = first; head < end; head++)
        {
            for (var row = sequence.FirstRow; row < sequence.FirstRow + sequence.RowCount; row++)
            {
                var group = head / (heads / groups) * states;
                var bRow = b.Row(row) + group;
                var cRow = c.Row(row) + group;
                var dt = delta.Row(row)[head];
                var decay = Exponential.Exp(dt * a[head]);
                var values = x.Row(row) + (head * size);
                var y = result.Row(row) + (head * size);
                for (var i = 0; i < size; i++)
                {
                    var h = after + ((((long)head * size) + i) * states);
                    var input = Vector512.Create(values[i] * dt);
                    var sums = Vector512<float>.Zero;
                    for (var n = 0; n < states; n += Lanes.Count)
                    {
                        var left = states - n;
                        var state = (Lanes.Load(h + n, left) * Vector512.Create(decay)) + (Lanes.Load(bRow + n, left) * input);
                        Lanes.Store(state, h + n, left);
                        sums = Lanes.Fma(state, Lanes.Load(cRow + n, left), sums);
                    }

                    y[i] = Lanes.Sum(sums) + (d == null ? 0 : d[head] * values[i]);
                }
            }
        }
    }
}
