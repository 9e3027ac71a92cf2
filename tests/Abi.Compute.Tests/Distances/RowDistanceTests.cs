using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Distances;
using Abi.Testing;

namespace Abi.Compute.Tests.Distances;

/// <summary>Each kernel against its definition, at lengths around every block's edge.</summary>
[Parallelizable]
public sealed unsafe class RowDistanceTests
{
    private static readonly int[] Lengths = [1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 47, 60, 63, 64, 65, 100, 127, 128, 129, 255, 384, 500, 768, 1024, 1536];

    [TestCaseSource(nameof(Lengths))]
    public void Float32(int dimensions)
    {
        Compare<Float32Cosine>(dimensions, Floats, 1e-5);
        Compare<Float32Dot>(dimensions, Floats, 1e-5 * dimensions);
        Compare<Float32Euclidean>(dimensions, Floats, 1e-5 * dimensions);
    }

    [TestCaseSource(nameof(Lengths))]
    public void Float16(int dimensions)
    {
        Compare<PlainCosine<Half>>(dimensions, Halves, 1e-5);
        Compare<PlainDot<Half>>(dimensions, Halves, 1e-5 * dimensions);
        Compare<PlainEuclidean<Half>>(dimensions, Halves, 1e-5 * dimensions);
    }

    [TestCaseSource(nameof(Lengths))]
    public void Int8(int dimensions)
    {
        Compare<PlainCosine<sbyte>>(dimensions, Bytes, 1e-5);
        Compare<PlainDot<sbyte>>(dimensions, Bytes, 0);
        Compare<PlainEuclidean<sbyte>>(dimensions, Bytes, 0);
    }

    [TestCaseSource(nameof(Lengths))]
    public void Binary(int dimensions) => Compare<BinaryHamming>(dimensions, (row, _, random) =>
    {
        for (var i = 0; i < dimensions; i++)
        {
            row[i >> 3] |= (byte)(random.Next(2) << (i & 7));
        }
    }, 0);

    [TestCaseSource(nameof(Lengths))]
    public void Codes(int dimensions)
    {
        CompareCodes<ScalarCodeCosine>(dimensions, isNormalised: true);
        CompareCodes<ScalarCodeDot>(dimensions, isNormalised: false);
        CompareCodes<ScalarCodeEuclidean>(dimensions, isNormalised: false);
    }

    /// <summary>Rows of one vector, or for cosine of one direction, are alike however they were rounded; others are not.</summary>
    [TestCaseSource(nameof(Lengths))]
    public void RowsAreAlikeWhenRoundingMayBeAllBetweenThem(int dimensions)
    {
        Likeness<Float32Cosine>(dimensions, 1e-7f, 0.8f);
        Likeness<Float32Dot>(dimensions, 1e-7f, 1);
        Likeness<Float32Euclidean>(dimensions, 1e-7f, 1);
        Likeness<ScalarCodeCosine>(dimensions, 1e-7f, 0.8f);
        Likeness<ScalarCodeDot>(dimensions, 1e-7f, 1);
        Likeness<ScalarCodeEuclidean>(dimensions, 1e-7f, 1);
        Likeness<PlainEuclidean<Half>>(dimensions, 0, 1);
    }

    /// <summary>Of many vectors of one length that are hardly farther apart than codes are, each one's code is the nearest to itself, and not like the others.</summary>
    [Test]
    public void CodesOfNearVectorsAreToldApart([Values(100, 768)] int dimensions, [Values(0.01f, 0.1f)] float noise)
    {
        NearCodes<ScalarCodeCosine>(dimensions, noise, isNormalised: true);
        NearCodes<ScalarCodeDot>(dimensions, noise, isNormalised: false);
        NearCodes<ScalarCodeEuclidean>(dimensions, noise, isNormalised: false);
    }

    /// <summary>Where rounding would hide which rows are nearer, estimates are the distances.</summary>
    [TestCaseSource(nameof(Lengths))]
    public void EstimatesOfNearRowsAreDistances(int dimensions)
    {
        Near<Float32Cosine>(dimensions);
        Near<Float32Dot>(dimensions);
        Near<Float32Euclidean>(dimensions);
    }

    [Test]
    public void EveryFloatComesBackBitByBit()
    {
        var row = (byte*)NativeMemory.AlignedAlloc(128, 64);
        var vector = new float[2];
        var back = new byte[8];
        for (long bits = 0; bits <= uint.MaxValue; bits += 299993)
        {
            (vector[0], vector[1]) = (BitConverter.UInt32BitsToSingle((uint)bits), 1);
            if (float.IsFinite(vector[0]))
            {
                Float32Dot.Encode(MemoryMarshal.AsBytes(vector.AsSpan()), row, 2);
                Float32Dot.Decode(row, back, 2);
                Assert.That(BitConverter.ToUInt32(back), Is.EqualTo((uint)bits));
            }
        }

        NativeMemory.AlignedFree(row);
    }

    [Test]
    public void HalvesOfEveryKindAreExact()
    {
        var row = (Half*)NativeMemory.AlignedAlloc(64, 64);
        var one = (Half*)NativeMemory.AlignedAlloc(64, 64);
        for (var bits = 0; bits <= ushort.MaxValue; bits++)
        {
            var half = BitConverter.UInt16BitsToHalf((ushort)bits);
            if (!Half.IsFinite(half))
            {
                continue;
            }

            new Span<byte>(row, 64).Clear();
            new Span<byte>(one, 64).Clear();
            (row[0], one[0]) = (half, (Half)1);
            Assert.That(PlainDot<Half>.Between((byte*)row, (byte*)one, 64), Is.EqualTo(-(float)half), $"{bits:x4}");
        }

        NativeMemory.AlignedFree(row);
        NativeMemory.AlignedFree(one);
    }

    [TestCase("DOTNET_EnableAVX512", 256)]
    [TestCase("DOTNET_EnableAVX2", 128)]
    [TestCase("DOTNET_EnableHWIntrinsic", 0)]
    public void EveryInstructionSet(string variable, int width)
    {
        var output = ChildProcess.Run(CompareAll, new Dictionary<string, string> { [variable] = "0" });
        Assert.That(int.Parse(output, System.Globalization.CultureInfo.InvariantCulture), Is.LessThanOrEqualTo(width), "the switch works");
    }

    private static void CompareAll()
    {
        var tests = new RowDistanceTests();
        foreach (var dimensions in Lengths)
        {
            tests.Float32(dimensions);
            tests.Float16(dimensions);
            tests.Int8(dimensions);
            tests.Binary(dimensions);
            tests.Codes(dimensions);
        }

        Console.WriteLine(Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0);
    }

    private delegate void Fill(byte* row, int dimensions, Random random);

    private static void Floats(byte* row, int dimensions, Random random)
    {
        for (var i = 0; i < dimensions; i++)
        {
            ((float*)row)[i] = (random.NextSingle() - 0.5f) * 2;
        }
    }

    private static void Halves(byte* row, int dimensions, Random random)
    {
        for (var i = 0; i < dimensions; i++)
        {
            ((Half*)row)[i] = (Half)((random.NextSingle() - 0.5f) * 2);
        }
    }

    private static void Bytes(byte* row, int dimensions, Random random)
    {
        for (var i = 0; i < dimensions; i++)
        {
            ((sbyte*)row)[i] = (sbyte)random.Next(-128, 128);
        }

        row[0] |= 1;
    }

    private static void Compare<T>(int dimensions, Fill fill, double tolerance)
        where T : struct, IRowDistance<T>
    {
        var random = new Random(dimensions);
        var bytes = T.RowBytes(dimensions);
        var vectorBytes = typeof(T) == typeof(BinaryHamming) ? (dimensions + 7) / 8 : dimensions * (T.IsEstimated ? 4 : typeof(T).GenericTypeArguments[0] == typeof(Half) ? 2 : 1);
        Assert.That(bytes % 64, Is.Zero);
        var vectors = (byte*)NativeMemory.AlignedAlloc((nuint)vectorBytes * 2, 64);
        var rows = (byte*)NativeMemory.AlignedAlloc((nuint)bytes * 2, 64);
        var queries = (byte*)NativeMemory.AlignedAlloc((nuint)T.QueryBytes(bytes) * 2, 64);
        byte* a = vectors, b = vectors + vectorBytes, rowA = rows, rowB = rows + bytes, queryA = queries, queryB = queries + T.QueryBytes(bytes);
        var back = new byte[vectorBytes];
        var four = stackalloc float[4];
        for (var round = 0; round < 10; round++)
        {
            new Span<byte>(vectors, vectorBytes * 2).Clear();
            new Span<byte>(rows, bytes * 2).Fill(0xFF); // what was there does not matter
            fill(a, dimensions, random);
            fill(b, dimensions, random);
            T.Encode(new ReadOnlySpan<byte>(a, vectorBytes), rowA, dimensions);
            T.Encode(new ReadOnlySpan<byte>(b, vectorBytes), rowB, dimensions);
            T.Prepare(rowA, queryA, bytes);
            T.Prepare(rowB, queryB, bytes);
            T.Decode(rowB, back, dimensions);
            Assert.That(back, Is.EqualTo(new ReadOnlySpan<byte>(b, vectorBytes).ToArray()));
            var exact = T.Between(queryA, rowB, bytes);
            Assert.That(exact, Is.EqualTo(T.Reference(a, b, dimensions)).Within(tolerance), $"{typeof(T).Name}, {dimensions}");
            Assert.That(exact, Is.EqualTo(T.Between(queryB, rowA, bytes)));
            Assert.That(T.Between(queryA, rowA, bytes), Is.EqualTo(T.Reference(a, a, dimensions)).Within(tolerance));
            var estimate = T.Estimate(queryA, rowB, bytes);
            var least = T.LowerBound(estimate, queryA, rowB, bytes);
            Assert.That(least, Is.LessThanOrEqualTo(exact));
            Assert.That(T.LowerBound(T.Estimate(queryA, rowA, bytes), queryA, rowA, bytes), Is.LessThanOrEqualTo(T.Between(queryA, rowA, bytes)));
            var spread = T.IsEstimated ? 0.01 * (typeof(T) == typeof(Float32Cosine) ? 1 : dimensions) : 0;
            Assert.That(estimate, Is.EqualTo(exact).Within(spread));
            Assert.That(least, Is.EqualTo(exact).Within(2 * spread));
            Assert.That(T.EstimateRows(rowA, rowB, bytes), Is.EqualTo(exact).Within(2 * spread));
            T.EstimateFour(queryA, rowB, rowA, rowB, rowA, bytes, four);
            Assert.That((four[0], four[1]), Is.EqualTo((four[2], four[3])));
            Assert.That(four[0], Is.EqualTo(estimate).Within(tolerance));
            Assert.That(four[1], Is.EqualTo(T.Estimate(queryA, rowA, bytes)).Within(tolerance));
        }

        NativeMemory.AlignedFree(vectors);
        NativeMemory.AlignedFree(rows);
        NativeMemory.AlignedFree(queries);
    }

    private static void Near<T>(int dimensions)
        where T : struct, IRowDistance<T>
    {
        var random = new Random(dimensions);
        var bytes = T.RowBytes(dimensions);
        var rows = (byte*)NativeMemory.AlignedAlloc((nuint)bytes * 3, 64);
        var query = (byte*)NativeMemory.AlignedAlloc((nuint)T.QueryBytes(bytes), 64);
        var four = stackalloc float[4];
        for (var round = 0; round < 10; round++)
        {
            var vector = Enumerable.Range(0, dimensions).Select(_ => random.NextSingle() - 0.5f).ToArray();
            Encode(vector, rows);
            Encode([.. vector.Select(x => x * (1 + (0.002f * random.NextSingle())))], rows + bytes);
            Encode([.. vector.Select(x => -x)], rows + (2 * bytes)); // far
            T.Prepare(rows, query, bytes);
            var (near, far) = (T.Between(query, rows + bytes, bytes), T.Estimate(query, rows + (2 * bytes), bytes));
            T.EstimateFour(query, rows + bytes, rows + (2 * bytes), rows + bytes, rows + (2 * bytes), bytes, four);
            Assert.That(new[] { T.Estimate(query, rows + bytes, bytes), four[0], four[2] }, Is.EqualTo(new[] { near, near, near }), typeof(T).Name);
            Assert.That(T.EstimateRows(rows, rows + bytes, bytes), Is.EqualTo(near).Within(typeof(T) == typeof(Float32Euclidean) ? near * 1e-5 : 1e-6 * Math.Max(1, dimensions / 16.0)), typeof(T).Name);
            Assert.That(new[] { four[1], four[3] }, Is.EqualTo(new[] { far, far }).Within(1e-4f).Percent, typeof(T).Name);
        }

        NativeMemory.AlignedFree(rows);
        NativeMemory.AlignedFree(query);

        void Encode(float[] from, byte* row) => T.Encode(MemoryMarshal.AsBytes<float>(from), row, dimensions);
    }

    private static void Likeness<T>(int dimensions, float noise, float length)
        where T : struct, IRowDistance<T>
    {
        var random = new Random(dimensions);
        var bytes = T.RowBytes(dimensions);
        var rows = (byte*)NativeMemory.AlignedAlloc((nuint)bytes * 3, 64);
        var (vector, near, other) = (new float[dimensions], new float[dimensions], new float[dimensions]);
        for (var round = 0; round < 10; round++)
        {
            for (var i = 0; i < dimensions; i++)
            {
                vector[i] = random.NextSingle() - 0.5f;
                near[i] = vector[i] * length * (1 + (noise * (random.NextSingle() - 0.5f)));
                other[i] = vector[i];
            }

            other[^1] += random.Next(2) == 0 ? 1 : -1; // the last to be looked at
            Encode(vector, rows);
            Encode(near, rows + bytes);
            Encode(other, rows + (2 * bytes));
            Assert.That(T.AreAlike(rows, rows + bytes, bytes), $"{typeof(T).Name}, {dimensions}");
            var isOneDirection = dimensions == 1 && length != 1 && vector[0] * other[0] > 0;
            Assert.That(T.AreAlike(rows, rows + (2 * bytes), bytes), Is.EqualTo(isOneDirection), $"{typeof(T).Name}, {dimensions}");
        }

        NativeMemory.AlignedFree(rows);

        void Encode(float[] from, byte* row)
        {
            if (typeof(T).Name.StartsWith(nameof(ScalarCode), StringComparison.Ordinal))
            {
                fixed (float* elements = from)
                {
                    ScalarCode.Encode(elements, row, dimensions, typeof(T) == typeof(ScalarCodeCosine));
                }
            }
            else if (T.IsEstimated)
            {
                T.Encode(MemoryMarshal.AsBytes<float>(from), row, dimensions);
            }
            else
            {
                T.Encode(MemoryMarshal.AsBytes<Half>(from.Select(x => (Half)x).ToArray()), row, dimensions);
            }
        }
    }

    private static void NearCodes<T>(int dimensions, float noise, bool isNormalised)
        where T : struct, IRowDistance<T>
    {
        const int Count = 200;
        var random = new Random(dimensions);
        var bytes = T.RowBytes(dimensions);
        var rows = (byte*)NativeMemory.AlignedAlloc((nuint)(bytes * Count), 64);
        var first = Enumerable.Range(0, dimensions).Select(_ => random.NextSingle() - 0.5f).ToArray();
        for (var i = 0; i < Count; i++)
        {
            var near = first.Select(x => x * (1 + ((random.NextSingle() - 0.5f) * noise))).ToArray();
            TensorPrimitives.Divide(near, TensorPrimitives.Norm<float>(near), near);
            fixed (float* vector = near)
            {
                ScalarCode.Encode(vector, rows + (i * bytes), dimensions, isNormalised);
            }
        }

        for (var i = 0; i < Count; i++)
        {
            var nearest = Enumerable.Range(0, Count).MinBy(j => T.Between(rows + (i * bytes), rows + (j * bytes), bytes));
            Assert.That(nearest, Is.EqualTo(i), typeof(T).Name);
            Assert.That(Enumerable.Range(0, Count).Count(j => T.AreAlike(rows + (i * bytes), rows + (j * bytes), bytes)), Is.EqualTo(1), typeof(T).Name);
        }

        NativeMemory.AlignedFree(rows);
    }

    private static void CompareCodes<T>(int dimensions, bool isNormalised)
        where T : struct, IRowDistance<T>
    {
        var random = new Random(dimensions);
        var bytes = T.RowBytes(dimensions);
        var vector = (float*)NativeMemory.AlignedAlloc((nuint)dimensions * 4, 64);
        var a = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        var b = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        Floats((byte*)vector, dimensions, random);
        ScalarCode.Encode(vector, a, dimensions, isNormalised);
        Floats((byte*)vector, dimensions, random);
        ScalarCode.Encode(vector, b, dimensions, isNormalised);
        Assert.That(T.Between(a, b, bytes), Is.EqualTo(T.Reference(a, b, dimensions)).Within(1e-5 * dimensions), $"{typeof(T).Name}, {dimensions}");
        if (isNormalised)
        {
            Assert.That(T.Between(a, a, bytes), Is.Zero.Within(1e-6));
        }

        NativeMemory.AlignedFree(vector);
        NativeMemory.AlignedFree(a);
        NativeMemory.AlignedFree(b);
    }
}
