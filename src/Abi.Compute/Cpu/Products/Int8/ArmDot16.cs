using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>Every ARM processor of 64 bits: products in 16 bits, which 128 × 127 fits, pairs of them in 32, then pairs of pairs.</summary>
internal readonly struct ArmDot16 : IInt8Dot<Vector128<int>>
{
    public static string Path => KernelPath.Arm;

    public static bool TakesOffset => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Add(Vector128<int> sum, Vector128<int> levels, Vector128<int> x, bool fullRange)
    {
        var (signed, activations) = (ArmDot.Signed(levels, fullRange), x.AsSByte());
        var low = AdvSimd.MultiplyWideningLower(signed.GetLower(), activations.GetLower());
        var high = AdvSimd.MultiplyWideningUpper(signed, activations);
        return sum + AdvSimd.Arm64.AddPairwise(AdvSimd.AddPairwiseWidening(low), AdvSimd.AddPairwiseWidening(high));
    }
}
