using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Abi.CompareVectors;

/// <summary>Vectors, queries and the true nearest of each query.</summary>
/// <param name="Name">The set's name.</param>
/// <param name="Dimensions">The elements of a vector.</param>
/// <param name="Base">float [rows, dimensions].</param>
/// <param name="Queries">float [queries, dimensions].</param>
/// <param name="Truth">int [queries, columns]: the nearest rows, nearest first.</param>
internal sealed record VectorSet(string Name, int Dimensions, float[] Base, float[] Queries, int[] Truth)
{
    public int Rows => Base.Length / Dimensions;

    public int QueryCount => Queries.Length / Dimensions;

    public int TruthColumns => Truth.Length / QueryCount;

    public static VectorSet Words(string folder, bool isCosine) => new(
        isCosine ? "words100 cosine" : "words100 L2", 100, Npy<float>(Path.Combine(folder, "words100", "base.f32.npy")), Npy<float>(Path.Combine(folder, "words100", "queries.f32.npy")),
        Npy<int>(Path.Combine(folder, "words100", isCosine ? "truth.cos.i32.npy" : "truth.l2.i32.npy")));

    /// <summary>
    /// The set with more rows than a processor's cache holds: each further one is a row of it, shortened by a fifth, with noise of about its own size. The truth is found by comparing all.
    /// </summary>
    public VectorSet Enlarge(int rows, bool isCosine)
    {
        var random = new Random(5);
        var vectors = new float[rows * Dimensions];
        Base.CopyTo(vectors, 0);
        var spread = MathF.Sqrt(TensorPrimitives.SumOfSquares<float>(Base) / Base.Length);
        for (var row = Rows; row < rows; row++)
        {
            var source = random.Next(Rows);
            for (var i = 0; i < Dimensions; i++)
            {
                var noise = 0f;
                for (var j = 0; j < 6; j++)
                {
                    noise += random.NextSingle() - 0.5f;
                }

                vectors[(row * Dimensions) + i] = (0.8f * Base[(source * Dimensions) + i]) + (1.05f * spread * noise);
            }
        }

        var truth = new int[QueryCount * 100];
        Parallel.For(0, QueryCount, query =>
        {
            var vector = Queries.AsSpan(query * Dimensions, Dimensions);
            var distances = new float[rows];
            for (var row = 0; row < rows; row++)
            {
                var other = vectors.AsSpan(row * Dimensions, Dimensions);
                distances[row] = isCosine ? -TensorPrimitives.CosineSimilarity<float>(vector, other) : TensorPrimitives.Distance<float>(vector, other);
            }

            var order = Enumerable.Range(0, rows).ToArray();
            Array.Sort(distances, order);
            order.AsSpan(0, 100).CopyTo(truth.AsSpan(query * 100));
        });
        return this with { Name = $"{Name}, {rows} rows", Base = vectors, Truth = truth };
    }

    /// <summary>The set that the recipe beside the fixtures makes, bit by bit.</summary>
    public static VectorSet Synthetic(string folder)
    {
        var seed = ulong.Parse(Regex.Match(File.ReadAllText(Path.Combine(folder, "synth768", "check.json")), @"""seed""\s*:\s*(\d+)").Groups[1].Value, CultureInfo.InvariantCulture);
        return new VectorSet("synth768 cosine", 768, Make(seed, 50_000, 0), Make(seed, 1_000, 10), Npy<int>(Path.Combine(folder, "synth768", "truth.cos.i32.npy")));
    }

    /// <summary>Writes the files that the peer reads: a line "rows columns", then the numbers.</summary>
    public (string Base, string Queries, string Truth) WriteFor(string folder)
    {
        var stem = Path.Combine(folder, Name.Replace(' ', '-').Replace(",", "", StringComparison.Ordinal));
        Write(stem + ".base", Rows, Dimensions, MemoryMarshal.AsBytes(Base.AsSpan()));
        Write(stem + ".queries", QueryCount, Dimensions, MemoryMarshal.AsBytes(Queries.AsSpan()));
        Write(stem + ".truth", QueryCount, TruthColumns, MemoryMarshal.AsBytes(Truth.AsSpan()));
        return (stem + ".base", stem + ".queries", stem + ".truth");
    }

    private static void Write(string path, int rows, int columns, ReadOnlySpan<byte> bytes)
    {
        using var file = File.Create(path);
        file.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{rows} {columns}\n")));
        file.Write(bytes);
    }

    private static T[] Npy<T>(string path)
        where T : unmanaged
    {
        var bytes = File.ReadAllBytes(path);
        return MemoryMarshal.Cast<byte, T>(bytes.AsSpan(10 + BitConverter.ToUInt16(bytes, 8))).ToArray();
    }

    private static float[] Make(ulong seed, int rows, ulong offset)
    {
        var signs = new sbyte[64 * 768];
        for (var i = 0; i < signs.Length; i++)
        {
            signs[i] = (sbyte)(Random(seed, 1, (ulong)i) >> 63 != 0 ? 1 : -1);
        }

        var centres = new long[1000 * 64];
        for (var i = 0; i < centres.Length; i++)
        {
            centres[i] = 3 * Normal(Random(seed, 2, (ulong)i));
        }

        var vectors = new float[rows * 768];
        Parallel.For(0, rows, row =>
        {
            var u = (Random(seed, 3 + offset, (ulong)row) >> 11) / 9007199254740992.0;
            var centre = (int)Math.Floor(1000 * u * u);
            Span<long> z = stackalloc long[64];
            for (var j = 0; j < 64; j++)
            {
                z[j] = centres[(centre * 64) + j] + Normal(Random(seed, 4 + offset, ((ulong)row * 64) + (ulong)j));
            }

            for (var d = 0; d < 768; d++)
            {
                var sum = 2 * Normal(Random(seed, 5 + offset, ((ulong)row * 768) + (ulong)d));
                for (var j = 0; j < 64; j++)
                {
                    sum += z[j] * signs[(j * 768) + d];
                }

                vectors[(row * 768) + d] = (float)(sum / 1048576.0);
            }
        });
        return vectors;
    }

    private static ulong Random(ulong seed, ulong stream, ulong element)
    {
        const ulong Gamma = 0x9E3779B97F4A7C15;
        return Mix(Mix(seed ^ (stream * Gamma)) + ((element + 1) * Gamma));
    }

    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    private static long Normal(ulong u) => (long)((u & 0xFFFF) + ((u >> 16) & 0xFFFF) + ((u >> 32) & 0xFFFF) + (u >> 48)) - 131070;
}
