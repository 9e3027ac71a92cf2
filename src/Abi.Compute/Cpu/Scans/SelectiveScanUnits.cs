using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Scans;

/// <summary>Mamba's selective scan; a unit is a channel, its states are lanes. A is [inner, states], D [inner] or null; state [inner, states].</summary>
internal sealed unsafe class SelectiveScanUnits(Slot x, Slot delta, Slot b, Slot c, float* a, float* d, Slot result) : Scan
{
    public override string Name => "SelectiveScan";

    public override int Units => x.Width;

    public override int UnitsPerChunk => 128;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(StepSequence sequence, int first, int end, float* before, float* after, byte* scratch)
    {
        var states = b.Width;
        CopyState(before, after, states, first, end);
        for (var row = sequence.FirstRow; row < sequence.FirstRow + sequence.RowCount; row++)
        {
            var bRow = b.Row(row);
            var cRow = c.Row(row);
            for (var channel = first; channel < end; channel++)
            {
                var (value, dt) = (x.Row(row)[channel], delta.Row(row)[channel]);
                var h = after + ((long)channel * states);
                var decays = a + ((long)channel * states);
                var input = value * dt;
                var sums = Vector512<float>.Zero;
                for (var n = 0; n < states; n += Lanes.Count)
                {
                    var left = states - n;
                    var decay = Exponential.Exp(Vector512.Create(dt) * Lanes.Load(decays + n, left));
                    var state = (Lanes.Load(h + n, left) * decay) + (Lanes.Load(bRow + n, left) * Vector512.Create(input));
                    Lanes.Store(state, h + n, left);
                    sums = Lanes.Fma(state, Lanes.Load(cRow + n, left), sums);
                }

                result.Row(row)[channel] = Lanes.Sum(sums) + (d == null ? 0 : d[channel] * value);
            }
        }
    }
}
