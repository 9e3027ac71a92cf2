using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>
/// Rotation of the pairs of one head: <c>y_a = x_a cos − x_b sin</c>, <c>y_b = x_a sin + x_b cos</c>. Tables are [pairs] for halves; for neighbours every pair's cosine stands twice
/// and its sine twice, the first negated: [2 × pairs]. y may be x.
/// </summary>
internal static unsafe class RopeKernels
{
    /// <summary>Pairs (i, i + pairs).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RotateHalves(float* x, float* y, int pairs, float* cosines, float* sines)
    {
        var i = 0;
        for (; i <= pairs - Lanes.Count; i += Lanes.Count)
        {
            var (a, b) = (Vector512.Load(x + i), Vector512.Load(x + pairs + i));
            var (c, s) = (Vector512.Load(cosines + i), Vector512.Load(sines + i));
            ((a * c) - (b * s)).Store(y + i);
            ((a * s) + (b * c)).Store(y + pairs + i);
        }

        for (; i < pairs; i++)
        {
            var (a, b) = (x[i], x[pairs + i]);
            y[i] = (a * cosines[i]) - (b * sines[i]);
            y[pairs + i] = (a * sines[i]) + (b * cosines[i]);
        }
    }

    /// <summary>Pairs (2i, 2i + 1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RotateNeighbours(float* x, float* y, int pairs, float* cosines, float* sines)
    {
        var i = 0;
        for (; i <= (2 * pairs) - Lanes.Count; i += Lanes.Count)
        {
            var lanes = Vector512.Load(x + i);
            ((lanes * Vector512.Load(cosines + i)) + (SwapNeighbours(lanes) * Vector512.Load(sines + i))).Store(y + i);
        }

        for (; i < 2 * pairs; i += 2)
        {
            var (a, b) = (x[i], x[i + 1]);
            y[i] = (a * cosines[i]) + (b * sines[i]);
            y[i + 1] = (b * cosines[i]) + (a * sines[i + 1]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> SwapNeighbours(Vector512<float> lanes)
    {
        var pairs = lanes.AsUInt64();
        return ((pairs << 32) | (pairs >>> 32)).AsSingle();
    }
}
