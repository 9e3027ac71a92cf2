using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Scans;

/// <summary>RWKV 6's time mixing; a unit is a head, values are lanes, keys are summed in order. u is [width]; state [heads, key, value].</summary>
internal sealed unsafe class Wkv6Units(Slot r, Slot k, Slot v, Slot decay, float* u, int size, Slot result) : Scan
{
    public override string Name => "Wkv6";

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
                var kRow = k.Row(row) + at;
                var vRow = v.Row(row) + at;
                var wRow = decay.Row(row) + at;
                for (var j = 0; j < size; j += Lanes.Count)
                {
                    var left = size - j;
                    var value = Lanes.Load(vRow + j, left);
                    var sum = Vector512<float>.Zero;
                    for (var i = 0; i < size; i++)
                    {
                        var s = Lanes.Load(state + (i * size) + j, left);
                        var kv = Vector512.Create(kRow[i]) * value;
                        sum = Lanes.Fma(Vector512.Create(rRow[i]), Lanes.Fma(Vector512.Create(u[at + i]), kv, s), sum);
                        Lanes.Store((s * Vector512.Create(wRow[i])) + kv, state + (i * size) + j, left);
                    }

                    Lanes.Store(sum, result.Row(row) + at + j, left);
                }
            }
        }
    }
}
