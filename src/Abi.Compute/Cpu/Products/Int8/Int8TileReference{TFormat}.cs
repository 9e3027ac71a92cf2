using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>
/// The definition of an output with rounded activations, one step after the other. Block by block of 32 columns: I = Σ (level × activation level), an exact integer for each
/// scale; t = scale₀ × I₀, then fused t = scale₁ × I₁ + t, then for each minimum t = minimum × Σ activation levels + t; and the output = activation scale × t + output, fused.
/// </summary>
internal sealed unsafe class Int8TileReference<TFormat> : Int8Tile
    where TFormat : struct, ILevelFormat
{
    public override string Path => KernelPath.Scalar;

    public override void One(Int8TileArguments* a) => Row(a->X0, a->Y0, a);

    public override void Two(Int8TileArguments* a)
    {
        Row(a->X0, a->Y0, a);
        Row(a->X1, a->Y1, a);
    }

    public override void Three(Int8TileArguments* a)
    {
        Two(a);
        Row(a->X2, a->Y2, a);
    }

    private static void Row(ActivationBlock* x, float* y, Int8TileArguments* a)
    {
        for (var output = 0; output < Panel.Outputs; output++)
        {
            var sum = a->Accumulate != 0 ? y[output] : 0;
            for (var block = 0; block < a->Blocks; block++)
            {
                sum = MathF.FusedMultiplyAdd(x[block].Scale, Block(a->Panel + (block * Int8Panel<TFormat>.RecordBytes), output, x + block), sum);
            }

            y[output] = sum;
        }
    }

    private static float Block(byte* record, int output, ActivationBlock* x)
    {
        var levels = record + (output / 16 * 512) + (output % 16 * 4);
        var scales = (float*)(record + Int8Panel<TFormat>.LevelBytes) + output;
        var offset = TFormat.OffsetShift < 0 ? 0 : 1 << TFormat.OffsetShift;
        var (t, perScale) = (0f, ActivationBlock.Columns / TFormat.Scales);
        for (var s = 0; s < TFormat.Scales; s++)
        {
            var integer = 0;
            for (var column = s * perScale; column < (s + 1) * perScale; column++)
            {
                integer += (levels[(column / 4 * 64) + (column % 4)] - offset) * x->Levels[column];
            }

            t = s == 0 ? scales[0] * integer : MathF.FusedMultiplyAdd(scales[s * Panel.Outputs], integer, t);
        }

        for (var s = 0; TFormat.HasMinimum && s < TFormat.Scales; s++)
        {
            t = MathF.FusedMultiplyAdd(scales[(TFormat.Scales + s) * Panel.Outputs], TFormat.Scales == 1 ? x->Sum : x->HalfSums[s], t);
        }

        return t;
    }
}
