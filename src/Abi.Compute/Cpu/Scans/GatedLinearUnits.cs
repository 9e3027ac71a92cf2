using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Scans;

/// <summary>Gated linear attention; a unit is a head, values are lanes, keys are summed in order. State [heads, key, value].</summary>
internal sealed unsafe class GatedLinearUnits(Slot q, Slot k, Slot v, Slot decay, int size, float queryScale, Slot result) : Scan
{
    public override string Name => "GatedLinearScan";

    public override int Units => q.Width / size;

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
                var query = q.Row(row) + at;
                var key = k.Row(row) + at;
                var value = v.Row(row) + at;
                var factors = decay.Row(row) + at;
                for (var j = 0; j < size; j += Lanes.Count)
                {
                    var left = size - j;
                    var values = Lanes.Load(value + j, left);
                    var sum = Vector512<float>.Zero;
                    for (var i = 0; i < size; i++)
                    {
                        var cell = (Lanes.Load(state + (i * size) + j, left) * Vector512.Create(factors[i])) + (Vector512.Create(key[i]) * values);
                        Lanes.Store(cell, state + (i * size) + j, left);
                        sum = Lanes.Fma(Vector512.Create(query[i] * queryScale), cell, sum);
                    }

                    Lanes.Store(sum, result.Row(row) + at + j, left);
                }
            }
        }
    }
}
