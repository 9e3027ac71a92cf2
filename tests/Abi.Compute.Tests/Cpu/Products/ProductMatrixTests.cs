using Abi.Compute.Cpu.Products;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Devices;
using Abi.Compute.Formats;

namespace Abi.Compute.Tests.Cpu.Products;

[Parallelizable]
public sealed class ProductMatrixTests
{
    public static IEnumerable<TensorType> Types => BlockFormat.All.Where(format => !format.IsIntegerData).Select(format => format.Type);

    [Test]
    public void FloatProductsAreTheDefinitionBitForBit([ValueSource(nameof(Types))] TensorType type, [Values(RepackMode.Lazy, RepackMode.Never)] RepackMode repack)
    {
        foreach (var (rows, weightRows, columns) in Shapes(type))
        {
            using var product = new ProductCase(type, columns, weightRows, rows, seed: rows);
            using var matrix = ProductMatrices.Create(product.Weight, 0, weightRows, ActivationPrecision.Exact, repack);
            Assert.That(matrix.Form, Is.EqualTo(ActivationForm.Float32));
            Assert.That(Bits(product.Multiply(matrix)), Is.EqualTo(Bits(product.Plain(ActivationPrecision.Exact, 0, weightRows))), $"{rows} rows, {weightRows} × {columns}");
        }
    }

    [Test]
    public void RoundedProductsAreNearThePlainDevice([ValueSource(nameof(Types))] TensorType type, [Values(RepackMode.Lazy, RepackMode.Never)] RepackMode repack)
    {
        foreach (var (rows, weightRows, columns) in Shapes(type))
        {
            using var product = new ProductCase(type, columns, weightRows, rows, seed: 100 + rows);
            using var matrix = ProductMatrices.Create(product.Weight, 0, weightRows, ActivationPrecision.Int8, repack);
            Assert.That(matrix.Form, Is.EqualTo(type is TensorType.F32 or TensorType.F16 or TensorType.BF16 ? ActivationForm.Float32 : ActivationForm.Int8));
            var expected = product.Plain(ActivationPrecision.Int8, 0, weightRows);
            var magnitude = expected.Max(MathF.Abs);
            Assert.That(product.Multiply(matrix), Is.EqualTo(expected).Within(2e-6f * magnitude * MathF.Sqrt(columns)), $"{rows} rows, {weightRows} × {columns}");
        }
    }

    /// <summary>In either form of rows: as pairs for a processor that multiplies them, and as what others read.</summary>
    [Test]
    public void Bf16ProductsAreTheDefinitionBitForBit([Values(TensorType.F16, TensorType.BF16)] TensorType type, [Values] RepackMode repack)
    {
        foreach (var (rows, weightRows, columns) in Shapes(type))
        {
            using var product = new ProductCase(type, columns, weightRows, rows, seed: 200 + rows);
            (product.X[0], product.X[columns - 1]) = (1e-17f, -1e-16f); // below what is kept, and above
            using var matrix = ProductMatrices.Create(product.Weight, 0, weightRows, ActivationPrecision.Bf16, repack);
            Assert.That(matrix.Form, Is.EqualTo(Bf16Rows.Emitted is null ? ActivationForm.Bf16AsFloat32 : ActivationForm.Bf16));
            var expected = product.Plain(ActivationPrecision.Bf16, 0, weightRows);
            Assert.That(Bits(product.Multiply(matrix)), Is.EqualTo(Bits(expected)), $"{rows} rows, {weightRows} × {columns}");
            Assert.That(Bits(expected), Is.Not.EqualTo(Bits(product.Plain(ActivationPrecision.Exact, 0, weightRows))), "rounding is not nothing");
        }
    }

    [Test]
    public void OnlyWeightsOf16BitsAreMultipliedInBf16([Values(TensorType.F32, TensorType.Q8_0)] TensorType type)
    {
        using var product = new ProductCase(type, 256, 64, 2, seed: 7);
        using var matrix = ProductMatrices.Create(product.Weight, 0, 64, ActivationPrecision.Bf16, RepackMode.Lazy);
        using var plain = ProductMatrices.Create(product.Weight, 0, 64, ActivationPrecision.Int8, RepackMode.Lazy);
        Assert.That(matrix.Form, Is.EqualTo(plain.Form));
        Assert.That(Bits(product.Multiply(matrix)), Is.EqualTo(Bits(product.Multiply(plain))));
    }

    [Test]
    public void AnOutputDoesNotDependOnCompany([ValueSource(nameof(Types))] TensorType type, [Values] ActivationPrecision activations)
    {
        using var product = new ProductCase(type, 512, 200, 33, seed: 3);
        using var matrix = ProductMatrices.Create(product.Weight, 0, 200, activations, RepackMode.Lazy);
        var together = product.Multiply(matrix);
        Assert.That(Bits(product.Multiply(matrix, matrix.Granularity)), Is.EqualTo(Bits(together)), "in chunks");

        using var slice = ProductMatrices.Create(product.Weight, 70, 50, activations, RepackMode.Lazy);
        using var mapped = ProductMatrices.Create(product.Weight, 70, 50, activations, RepackMode.Never);
        foreach (var part in new[] { product.Multiply(slice), product.Multiply(mapped) })
        {
            for (var row = 0; row < product.Rows; row++)
            {
                Assert.That(Bits(part.AsSpan(row * 50, 50)), Is.EqualTo(Bits(together.AsSpan((row * 200) + 70, 50))), "a range of rows");
            }
        }

        for (var rows = 1; rows <= 33; rows++)
        {
            using var fewer = new ProductCase(product, rows);
            Assert.That(Bits(fewer.Multiply(matrix)), Is.EqualTo(Bits(together.AsSpan(0, rows * 200))), $"{rows} rows");
        }
    }

    [Test]
    public void WhatIsNotANumberReachesEveryOutput(
        [Values(TensorType.Q4_0, TensorType.Q6_K, TensorType.Q4_K, TensorType.F16)] TensorType type, [Values(float.NaN, float.PositiveInfinity)] float bad,
        [Values(ActivationPrecision.Int8, ActivationPrecision.Bf16)] ActivationPrecision activations)
    {
        using var product = new ProductCase(type, 512, 64, 4, seed: 4);
        product.X[600] = bad;
        using var matrix = ProductMatrices.Create(product.Weight, 0, 64, activations, RepackMode.Lazy);
        var y = product.Multiply(matrix);
        Assert.That(y.AsSpan(64, 64).ToArray(), Has.All.Matches<float>(v => !float.IsFinite(v)));
        Assert.That(y.AsSpan(0, 64).ToArray(), Has.All.Matches<float>(float.IsFinite));
    }

    [Test]
    public void AMatrixIsMadeOnceAndFreedWithItsLastUser()
    {
        using var product = new ProductCase(TensorType.Q4_0, 256, 64, 1, seed: 5);
        var first = ProductMatrices.Create(product.Weight, 0, 64, ActivationPrecision.Int8, RepackMode.AtLoad);
        var second = ProductMatrices.Create(product.Weight, 0, 64, ActivationPrecision.Int8, RepackMode.AtLoad);
        var expected = product.Multiply(first);
        first.Dispose();
        first.Dispose();
        Assert.That(product.Multiply(second), Is.EqualTo(expected));
        second.Dispose();
    }

    [Test]
    public void RowsThatAreNotThereAndFormatsWithoutProductsAreRefused()
    {
        using var product = new ProductCase(TensorType.Q4_0, 256, 64, 1, seed: 6);
        Assert.That(() => ProductMatrices.Create(product.Weight, 32, 33, ActivationPrecision.Int8, RepackMode.Lazy), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => ProductMatrices.Create(product.Weight, -1, 3, ActivationPrecision.Int8, RepackMode.Lazy), Throws.InstanceOf<ArgumentException>());
    }

    private static IEnumerable<(int Rows, int WeightRows, int Columns)> Shapes(TensorType type)
    {
        var length = BlockFormat.Get(type).BlockLength;
        yield return (1, 64, 512);
        yield return (2, 16, 256);
        yield return (5, 77, length == 1 ? 172 : Math.Max(length, 32) * 3);
        yield return (33, 130, 1024);
        if (length <= 32)
        {
            yield return (3, 1, length == 1 ? 7 : 32);
        }
    }

    private static uint[] Bits(ReadOnlySpan<float> values)
    {
        var bits = new uint[values.Length];
        for (var i = 0; i < bits.Length; i++)
        {
            bits[i] = BitConverter.SingleToUInt32Bits(values[i]);
        }

        return bits;
    }
}
