using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Scans;

/// <summary>A causal convolution of each column; a unit is 16 columns. The weights are [kernel, width], the bias [width] or null.</summary>
internal sealed unsafe class ConvolveScan(Slot x, float* weight, float* bias, int kernel, Slot result) : Scan
{
    public override string Name => $"Convolve by {kernel}";

    public override int Units => (x.Width + Lanes.Count - 1) / Lanes.Count;

    public override int UnitsPerChunk => 32;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(StepSequence sequence, int first, int end, float* before, float* after, byte* scratch)
    {
        var width = x.Width;
        for (var column = first * Lanes.Count; column < Math.Min(end * Lanes.Count, width); column += Lanes.Count)
        {
            var left = width - column;
            var offset = bias == null ? Vector512<float>.Zero : Lanes.Load(bias + column, left);
            for (var t = 0; t < sequence.RowCount; t++)
            {
                var sum = Vector512<float>.Zero;
                for (var j = 0; j < kernel; j++)
                {
                    sum = Lanes.Fma(Lanes.Load(weight + (j * width) + column, left), Lanes.Load(Input(t - kernel + 1 + j) + column, left), sum);
                }

                Lanes.Store(sum + offset, result.Row(sequence.FirstRow + t) + column, left);
            }

            for (var j = 0; j < kernel - 1; j++)
            {
                Lanes.Store(Lanes.Load(Input(sequence.RowCount - kernel + 1 + j) + column, left), after + (j * width) + column, left);
            }
        }

        float* Input(int time) => time < 0 ? before + ((kernel - 1 + time) * width) : x.Row(sequence.FirstRow + time);
    }
}
