using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Scans;

/// <summary>RWKV 7's delta rule; a unit is a head, keys are lanes. State [heads, value, key].</summary>
internal sealed unsafe class Wkv7Units(Slot r, Slot decay, Slot k, Slot v, Slot a, Slot b, int size, Slot result) : Scan
{
    public override string Name => "Wkv7";

    public override int Units => r.Width / size;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(StepSequence sequence, int first, int end, float* before, float* after, byte* scratch)
    {
        CopyState(before, after, size * size, first, end);
        for (var head = first; head < end; head++)
        {
            var at = head * size;
            var state = after + ((long)head * size * size);
            for (var row = sequence.FirstRow; row < sequence.FirstRow + sequence.RowCount; row++)
            {
                var rRow = r.Row(row) + at;
                var wRow = decay.Row(row) + at;
                var kRow = k.Row(row) + at;
                var vRow = v.Row(row) + at;
                var aRow = a.Row(row) + at;
                var bRow = b.Row(row) + at;
                var y = result.Row(row) + at;
                for (var i = 0; i < size; i++)
                {
                    var line = state + (i * size);
                    var sums = Vector512<float>.Zero;
                    for (var j = 0; j < size; j += Lanes.Count)
                    {
                        sums = Lanes.Fma(Lanes.Load(aRow + j, size - j), Lanes.Load(line + j, size - j), sums);
                    }

                    var (sa, value) = (Vector512.Create(Lanes.Sum(sums)), Vector512.Create(vRow[i]));
                    sums = Vector512<float>.Zero;
                    for (var j = 0; j < size; j += Lanes.Count)
                    {
                        var left = size - j;
                        var s = (Lanes.Load(line + j, left) * Lanes.Load(wRow + j, left)) + (Lanes.Load(kRow + j, left) * value) + (sa * Lanes.Load(bRow + j, left));
                        Lanes.Store(s, line + j, left);
                        sums = Lanes.Fma(s, Lanes.Load(rRow + j, left), sums);
                    }

                    y[i] = Lanes.Sum(sums);
                }
            }
        }
    }
}
