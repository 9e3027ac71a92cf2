using Abi.Compute.Cpu.Products.Float32;

namespace Abi.Compute.Cpu.Products.Bfloat16;

/// <summary>
/// The definition of an output in bfloat16, one step after the other: pairs of columns ascending, of each the odd column first, each product added fused in float32. Intel's vdpbf16ps
/// defines this order and takes what is denormal for zero; here nothing ever is, because rounding leaves no number below 2⁻⁵⁵ and so no product that is not a multiple of 2⁻¹²⁴.
/// </summary>
internal static unsafe class Bf16Reference
{
    /// <summary>Computes the 64 outputs of one row.</summary>
    /// <param name="panel">[pairs][64][2].</param>
    /// <param name="pairs">The pairs of columns.</param>
    /// <param name="x">[pairs][2].</param>
    /// <param name="y">[64].</param>
    /// <param name="accumulate">Whether to go on from what stands in the outputs.</param>
    public static void One(uint* panel, int pairs, uint* x, float* y, bool accumulate)
    {
        for (var output = 0; output < Panel.Outputs; output++)
        {
            var sum = accumulate ? y[output] : 0;
            for (var pair = 0; pair < pairs; pair++)
            {
                var weights = panel[(pair * Panel.Outputs) + output];
                sum = MathF.FusedMultiplyAdd(Odd(weights), Odd(x[pair]), sum);
                sum = MathF.FusedMultiplyAdd(Even(weights), Even(x[pair]), sum);
            }

            y[output] = sum;
        }
    }

    private static float Odd(uint pair) => BitConverter.UInt32BitsToSingle(pair & 0xffff0000);

    private static float Even(uint pair) => BitConverter.UInt32BitsToSingle(pair << 16);
}
