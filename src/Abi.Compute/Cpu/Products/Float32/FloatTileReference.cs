namespace Abi.Compute.Cpu.Products.Float32;

/// <summary>The definition of an output, one step after the other.</summary>
internal sealed unsafe class FloatTileReference : FloatTile
{
    public override string Path => KernelPath.Scalar;

    public override int Height => 1;

    public override void One(float* panel, int columns, float* x, float* y, bool accumulate)
    {
        for (var output = 0; output < Panel.Outputs; output++)
        {
            var sum = accumulate ? y[output] : 0;
            for (var column = 0; column < columns; column++)
            {
                sum = MathF.FusedMultiplyAdd(panel[(column * Panel.Outputs) + output], x[column], sum);
            }

            y[output] = sum;
        }
    }

    public override void Several(float* panel, int columns, float** x, int firstColumn, float** y, int to, bool accumulate) =>
        One(panel, columns, x[0] + firstColumn, y[0] + to, accumulate);
}
