using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Products.Float32;

namespace Abi.Compute.Cpu.Products.Bfloat16;

/// <summary>One row of rounded float32s against a panel of pairs, which are made float32 in registers: for few rows, where expanding the panel first would take longer than they do.</summary>
internal static unsafe class Bf16Tile
{
    /// <summary>The most rows for which this is faster.</summary>
    public const int MostRows = 4;

    /// <summary>How it is computed in this process.</summary>
    public static string Path => Vector256.IsHardwareAccelerated ? KernelPath.Avx2 : KernelPath.Portable;

    /// <summary>Computes the 64 outputs of one row, as <see cref="Bf16Reference"/> defines them.</summary>
    /// <param name="panel">[pairs][64][2].</param>
    /// <param name="pairs">The pairs of columns.</param>
    /// <param name="x">[pairs][2], of each pair the odd column first.</param>
    /// <param name="y">[64].</param>
    /// <param name="accumulate">Whether to go on from what stands in the outputs.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void One(uint* panel, int pairs, float* x, float* y, bool accumulate)
    {
        var sum0 = accumulate ? Vector256.Load(y) : Vector256<float>.Zero;
        var sum1 = accumulate ? Vector256.Load(y + 8) : Vector256<float>.Zero;
        var sum2 = accumulate ? Vector256.Load(y + 16) : Vector256<float>.Zero;
        var sum3 = accumulate ? Vector256.Load(y + 24) : Vector256<float>.Zero;
        var sum4 = accumulate ? Vector256.Load(y + 32) : Vector256<float>.Zero;
        var sum5 = accumulate ? Vector256.Load(y + 40) : Vector256<float>.Zero;
        var sum6 = accumulate ? Vector256.Load(y + 48) : Vector256<float>.Zero;
        var sum7 = accumulate ? Vector256.Load(y + 56) : Vector256<float>.Zero;
        for (var pair = 0; pair < pairs; pair++, panel += Panel.Outputs, x += 2)
        {
            var (odd, even) = (Vector256.Create(x[0]), Vector256.Create(x[1]));
            sum0 = Add(panel, odd, even, sum0);
            sum1 = Add(panel + 8, odd, even, sum1);
            sum2 = Add(panel + 16, odd, even, sum2);
            sum3 = Add(panel + 24, odd, even, sum3);
            sum4 = Add(panel + 32, odd, even, sum4);
            sum5 = Add(panel + 40, odd, even, sum5);
            sum6 = Add(panel + 48, odd, even, sum6);
            sum7 = Add(panel + 56, odd, even, sum7);
        }

        sum0.Store(y);
        sum1.Store(y + 8);
        sum2.Store(y + 16);
        sum3.Store(y + 24);
        sum4.Store(y + 32);
        sum5.Store(y + 40);
        sum6.Store(y + 48);
        sum7.Store(y + 56);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Add(uint* weights, Vector256<float> odd, Vector256<float> even, Vector256<float> sum)
    {
        var bits = Vector256.Load(weights);
        sum = Vector256.FusedMultiplyAdd((bits & Vector256.Create(0xffff0000)).AsSingle(), odd, sum);
        return Vector256.FusedMultiplyAdd((bits << 16).AsSingle(), even, sum);
    }
}
