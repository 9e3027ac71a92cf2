using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Compute.Scalar;

/// <summary>
/// Matrix products. Each element is one chain of fused multiply-adds over ascending columns. With <see cref="ActivationPrecision.Int8"/>, activations that meet quantised
/// weights are first rounded to 8 bits in blocks of 32. With <see cref="ActivationPrecision.Bf16"/>, F16 and BF16 weights and what they meet are first rounded to bfloat16, and of each pair
/// of columns the odd one is added first, as AVX512_BF16 does.
/// </summary>
internal static class ScalarProducts
{
    /// <summary>The columns that share one activation scale.</summary>
    public const int ActivationBlock = 32;

    /// <summary>What is below this, 2⁻⁵⁵, is rounded to zero in bfloat16: so no sum of products is ever denormal, which AVX512_BF16 would take for zero and others would not.</summary>
    public const float NegligibleBf16 = 1f / (1L << 55);

    public static void MatMul(MatMul o, ScalarStep step)
    {
        var bias = o.Bias?.ToFloats();
        Multiply(step[o.X], step.Rows(o.X), o.X.Width, 0, o.Weight, 0, (int)o.Weight.Rows, step[o.Result], o.Result.Width, 0, step.Activations);
        if (bias is null)
        {
            return;
        }

        var y = step[o.Result];
        for (var i = 0; i < step.Rows(o.Result) * o.Result.Width; i++)
        {
            y[i] += bias[i % bias.Length];
        }
    }

    public static void GroupedMatMul(GroupedMatMul o, ScalarStep step)
    {
        var groups = o.Weight.Shape.Length > 2 ? (int)o.Weight.Shape[2] : 1;
        var (columns, rows) = ((int)o.Weight.Columns, (int)o.Weight.Rows / groups);
        for (var group = 0; group < groups; group++)
        {
            var offset = o.X.Width == columns ? 0 : group * columns;
            Multiply(step[o.X], step.Rows(o.X), o.X.Width, offset, o.Weight, group * rows, rows, step[o.Result], o.Result.Width, group * rows, step.Activations);
        }
    }

    /// <summary>Products of the columns [xOffset, xOffset + weight.Columns) of each row of x with weight rows [first, first + count), to columns from yOffset on.</summary>
    public static void Multiply(float[] x, int rows, int xWidth, int xOffset, WeightTensor weight, long first, int count, float[] y, int yWidth, int yOffset, ActivationPrecision activations)
    {
        var columns = (int)weight.Columns;
        var rounded = new float[rows * columns];
        for (var row = 0; row < rows; row++)
        {
            x.AsSpan((row * xWidth) + xOffset, columns).CopyTo(rounded.AsSpan(row * columns));
        }

        if (activations != ActivationPrecision.Exact && IsQuantized(weight.Type))
        {
            RoundToInt8(rounded, columns);
        }

        var isBf16 = activations == ActivationPrecision.Bf16 && weight.Type is TensorType.F16 or TensorType.BF16;
        if (isBf16)
        {
            RoundToBf16(rounded);
        }

        var w = new float[columns];
        for (var output = 0; output < count; output++)
        {
            weight.DecodeRow(first + output, w);
            if (isBf16)
            {
                RoundToBf16(w);
            }

            for (var row = 0; row < rows; row++)
            {
                var sum = 0f;
                for (var i = 0; i < columns; i++)
                {
                    var k = isBf16 && (i ^ 1) < columns ? i ^ 1 : i;
                    sum = MathF.FusedMultiplyAdd(w[k], rounded[(row * columns) + k], sum);
                }

                y[(row * yWidth) + yOffset + output] = sum;
            }
        }
    }

    /// <summary>Whether a format's products may round activations.</summary>
    public static bool IsQuantized(TensorType type) => type is not (TensorType.F32 or TensorType.F16 or TensorType.BF16);

    /// <summary>Rounds each block of 32 columns of each row to scale × integer, scale = greatest magnitude / 127, to nearest, ties to even.</summary>
    public static void RoundToInt8(Span<float> values, int columns)
    {
        for (var start = 0; start < values.Length; start += columns)
        {
            for (var column = 0; column < columns; column += ActivationBlock)
            {
                var block = values.Slice(start + column, Math.Min(ActivationBlock, columns - column));
                var greatest = 0f;
                foreach (var value in block)
                {
                    greatest = MathF.Max(greatest, MathF.Abs(value));
                }

                var scale = greatest / 127;
                var inverse = greatest == 0 ? 0 : 127 / greatest;
                for (var i = 0; i < block.Length; i++)
                {
                    block[i] = MathF.Round(block[i] * inverse, MidpointRounding.ToEven) * scale;
                }
            }
        }
    }

    /// <summary>Rounds to bfloat16, to nearest, ties to even; what is below <see cref="NegligibleBf16"/> becomes zero.</summary>
    public static void RoundToBf16(Span<float> values)
    {
        Span<byte> bits = new byte[values.Length * BF16.BlockBytes];
        BF16.Encode(values, default, bits);
        BF16.Decode(bits, values);
        foreach (ref var value in values)
        {
            value = MathF.Abs(value) < NegligibleBf16 ? 0 : value;
        }
    }
}
