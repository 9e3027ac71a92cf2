using Abi.Compute.Cpu.Products.Bfloat16;
using Abi.Compute.Cpu.Products.Float32;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Memory;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Products;

/// <summary>Makes weight matrices ready for products, each once in a process however often it is asked for.</summary>
/// <remarks>Thread-safe.</remarks>
internal static class ProductMatrices
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<Key, SharedMatrix> Shared = [];

    /// <summary>Takes rows [firstRow, firstRow + rows) of a tensor. The tensor's memory must outlive the matrix.</summary>
    /// <param name="weight">The tensor, of any format that is not integer data.</param>
    /// <param name="firstRow">The first row.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="activations">How activations are rounded where the format allows it.</param>
    /// <param name="repack">When the weights are rearranged.</param>
    /// <exception cref="ArgumentException">The rows are not the tensor's, or the format is not one to compute with.</exception>
    public static ProductMatrix Create(WeightTensor weight, long firstRow, int rows, ActivationPrecision activations, RepackMode repack)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstRow + rows, weight.Rows, nameof(rows));
        if (weight.Format.IsIntegerData)
        {
            throw new ArgumentException($"Tensor '{weight.Name}' holds {weight.Format.Name}, which is carried, not computed with.", nameof(weight));
        }

        var key = new Key(weight.Memory, weight.Offset + (firstRow * weight.RowByteLength), weight.Columns, rows, weight.Type, activations, repack == RepackMode.Never);
        SharedMatrix? shared;
        lock (Gate)
        {
            if (!Shared.TryGetValue(key, out shared))
            {
                shared = new SharedMatrix(Make(weight, firstRow, rows, activations, repack));
                Shared.Add(key, shared);
            }

            shared.Users++;
        }

        return new SharedMatrixHandle(shared.Matrix, () => Release(key, shared));
    }

    /// <summary>What is ready for products now, by the kernels that it takes.</summary>
    public static List<ProductUse> Uses()
    {
        lock (Gate)
        {
            return [.. Shared.Values.Select(static shared => shared.Matrix).GroupBy(static matrix => matrix.Kernels, static (kernels, matrices) => new ProductUse(kernels, matrices.Count(), matrices.Sum(static matrix => matrix.PackedBytes)))];
        }
    }

    private static void Release(Key key, SharedMatrix shared)
    {
        lock (Gate)
        {
            if (--shared.Users > 0)
            {
                return;
            }

            Shared.Remove(key);
        }

        shared.Matrix.Dispose();
    }

    private static ProductMatrix Make(WeightTensor weight, long firstRow, int rows, ActivationPrecision activations, RepackMode repack) =>
        activations == ActivationPrecision.Exact ? MakeFloat(weight, firstRow, rows, repack) : weight.Type switch
        {
            TensorType.F16 when activations == ActivationPrecision.Bf16 => new Bf16Matrix<F16>(weight, firstRow, rows, repack),
            TensorType.BF16 when activations == ActivationPrecision.Bf16 => new Bf16Matrix<BF16>(weight, firstRow, rows, repack),
            TensorType.Q4_0 => new Int8Matrix<Q4_0Levels>(weight, firstRow, rows, repack),
            TensorType.Q4_1 => new Int8Matrix<Q4_1Levels>(weight, firstRow, rows, repack),
            TensorType.Q5_0 => new Int8Matrix<Q5_0Levels>(weight, firstRow, rows, repack),
            TensorType.Q5_1 => new Int8Matrix<Q5_1Levels>(weight, firstRow, rows, repack),
            TensorType.Q8_0 => new Int8Matrix<Q8_0Levels>(weight, firstRow, rows, repack),
            TensorType.Q8_1 => new Int8Matrix<Q8_1Levels>(weight, firstRow, rows, repack),
            TensorType.Q2_K => new Int8Matrix<Q2_KLevels>(weight, firstRow, rows, repack),
            TensorType.Q3_K => new Int8Matrix<Q3_KLevels>(weight, firstRow, rows, repack),
            TensorType.Q4_K => new Int8Matrix<Q4_KLevels>(weight, firstRow, rows, repack),
            TensorType.Q5_K => new Int8Matrix<Q5_KLevels>(weight, firstRow, rows, repack),
            TensorType.Q6_K => new Int8Matrix<Q6_KLevels>(weight, firstRow, rows, repack),
            TensorType.Q8_K => new Int8Matrix<Q8_KLevels>(weight, firstRow, rows, repack),
            TensorType.IQ2_XXS => new Int8Matrix<IQ2_XXSLevels>(weight, firstRow, rows, repack),
            TensorType.IQ2_XS => new Int8Matrix<IQ2_XSLevels>(weight, firstRow, rows, repack),
            TensorType.IQ3_XXS => new Int8Matrix<IQ3_XXSLevels>(weight, firstRow, rows, repack),
            TensorType.IQ1_S => new Int8Matrix<IQ1_SLevels>(weight, firstRow, rows, repack),
            TensorType.IQ4_NL => new Int8Matrix<IQ4_NLLevels>(weight, firstRow, rows, repack),
            TensorType.IQ3_S => new Int8Matrix<IQ3_SLevels>(weight, firstRow, rows, repack),
            TensorType.IQ2_S => new Int8Matrix<IQ2_SLevels>(weight, firstRow, rows, repack),
            TensorType.IQ4_XS => new Int8Matrix<IQ4_XSLevels>(weight, firstRow, rows, repack),
            TensorType.IQ1_M => new Int8Matrix<IQ1_MLevels>(weight, firstRow, rows, repack),
            TensorType.TQ1_0 => new Int8Matrix<TQ1_0Levels>(weight, firstRow, rows, repack),
            TensorType.TQ2_0 => new Int8Matrix<TQ2_0Levels>(weight, firstRow, rows, repack),
            TensorType.MXFP4 => new Int8Matrix<MXFP4Levels>(weight, firstRow, rows, repack),
            TensorType.NVFP4 => new Int8Matrix<NVFP4Levels>(weight, firstRow, rows, repack),
            TensorType.Q1_0 => new Int8Matrix<Q1_0Levels>(weight, firstRow, rows, repack),
            TensorType.Q2_0 => new Int8Matrix<Q2_0Levels>(weight, firstRow, rows, repack),
            _ => MakeFloat(weight, firstRow, rows, repack),
        };

    private static ProductMatrix MakeFloat(WeightTensor weight, long firstRow, int rows, RepackMode repack) => weight.Type switch
    {
        TensorType.F32 => new FloatMatrix<F32>(weight, firstRow, rows, repack),
        TensorType.F16 => new FloatMatrix<F16>(weight, firstRow, rows, repack),
        TensorType.BF16 => new FloatMatrix<BF16>(weight, firstRow, rows, repack),
        TensorType.Q4_0 => new FloatMatrix<Q4_0>(weight, firstRow, rows, repack),
        TensorType.Q4_1 => new FloatMatrix<Q4_1>(weight, firstRow, rows, repack),
        TensorType.Q5_0 => new FloatMatrix<Q5_0>(weight, firstRow, rows, repack),
        TensorType.Q5_1 => new FloatMatrix<Q5_1>(weight, firstRow, rows, repack),
        TensorType.Q8_0 => new FloatMatrix<Q8_0>(weight, firstRow, rows, repack),
        TensorType.Q8_1 => new FloatMatrix<Q8_1>(weight, firstRow, rows, repack),
        TensorType.Q2_K => new FloatMatrix<Q2_K>(weight, firstRow, rows, repack),
        TensorType.Q3_K => new FloatMatrix<Q3_K>(weight, firstRow, rows, repack),
        TensorType.Q4_K => new FloatMatrix<Q4_K>(weight, firstRow, rows, repack),
        TensorType.Q5_K => new FloatMatrix<Q5_K>(weight, firstRow, rows, repack),
        TensorType.Q6_K => new FloatMatrix<Q6_K>(weight, firstRow, rows, repack),
        TensorType.Q8_K => new FloatMatrix<Q8_K>(weight, firstRow, rows, repack),
        TensorType.IQ2_XXS => new FloatMatrix<IQ2_XXS>(weight, firstRow, rows, repack),
        TensorType.IQ2_XS => new FloatMatrix<IQ2_XS>(weight, firstRow, rows, repack),
        TensorType.IQ3_XXS => new FloatMatrix<IQ3_XXS>(weight, firstRow, rows, repack),
        TensorType.IQ1_S => new FloatMatrix<IQ1_S>(weight, firstRow, rows, repack),
        TensorType.IQ4_NL => new FloatMatrix<IQ4_NL>(weight, firstRow, rows, repack),
        TensorType.IQ3_S => new FloatMatrix<IQ3_S>(weight, firstRow, rows, repack),
        TensorType.IQ2_S => new FloatMatrix<IQ2_S>(weight, firstRow, rows, repack),
        TensorType.IQ4_XS => new FloatMatrix<IQ4_XS>(weight, firstRow, rows, repack),
        TensorType.IQ1_M => new FloatMatrix<IQ1_M>(weight, firstRow, rows, repack),
        TensorType.TQ1_0 => new FloatMatrix<TQ1_0>(weight, firstRow, rows, repack),
        TensorType.TQ2_0 => new FloatMatrix<TQ2_0>(weight, firstRow, rows, repack),
        TensorType.MXFP4 => new FloatMatrix<MXFP4>(weight, firstRow, rows, repack),
        TensorType.NVFP4 => new FloatMatrix<NVFP4>(weight, firstRow, rows, repack),
        TensorType.Q1_0 => new FloatMatrix<Q1_0>(weight, firstRow, rows, repack),
        TensorType.Q2_0 => new FloatMatrix<Q2_0>(weight, firstRow, rows, repack),
        _ => throw new ArgumentException($"Tensor '{weight.Name}' holds {weight.Format.Name}, which has no products.", nameof(weight)),
    };

    private sealed record Key(TensorMemory Memory, long Offset, long Columns, int Rows, TensorType Type, ActivationPrecision Activations, bool Mapped);

    private sealed class SharedMatrix(ProductMatrix matrix)
    {
        public ProductMatrix Matrix { get; } = matrix;

        public int Users { get; set; }
    }
}
