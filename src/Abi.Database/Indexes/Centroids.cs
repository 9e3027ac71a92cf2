using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Abi.Database.Indexes;

/// <summary>
/// Points that stand for many vectors: the cells of an inverted file, or the codes of one part of a product quantizer. Found by k-means (Lloyd, 1982). Immutable once made.
/// </summary>
internal sealed unsafe class Centroids
{
    private const int Panel = 64; // points that are compared side by side

    private readonly float* _panels; // float [panels, dimensions, 64]
    private readonly float* _norms; // float [panels · 64], squared; infinite behind the last point

    /// <summary>Takes points over.</summary>
    /// <param name="points">float [count, dimensions].</param>
    /// <param name="dimensions">The elements of a point.</param>
    public Centroids(ReadOnlySpan<float> points, int dimensions)
    {
        Dimensions = dimensions;
        Count = points.Length / dimensions;
        Padded = (Count + Panel - 1) / Panel * Panel;
        _panels = (float*)NativeMemory.AlignedAlloc((nuint)Padded * (nuint)dimensions * sizeof(float), 64);
        _norms = (float*)NativeMemory.AlignedAlloc((nuint)Padded * sizeof(float), 64);
        new Span<float>(_panels, Padded * dimensions).Clear();
        new Span<float>(_norms, Padded).Fill(float.PositiveInfinity);
        for (var i = 0; i < Count; i++)
        {
            var norm = 0f;
            for (var j = 0; j < dimensions; j++)
            {
                var x = points[(i * dimensions) + j];
                norm += x * x;
                _panels[(((i / Panel * dimensions) + j) * Panel) + (i % Panel)] = x;
            }

            _norms[i] = norm;
        }
    }

    ~Centroids()
    {
        NativeMemory.AlignedFree(_panels);
        NativeMemory.AlignedFree(_norms);
    }

    public int Count { get; }

    public int Dimensions { get; }

    /// <summary>The room that <see cref="Compare"/> needs: the count rounded up.</summary>
    public int Padded { get; }

    /// <summary>Finds points.</summary>
    /// <param name="vectors">float [n, dimensions].</param>
    /// <param name="dimensions">The elements of a vector.</param>
    /// <param name="count">How many points; fewer are made when there are fewer vectors.</param>
    /// <param name="rounds">How often points are moved.</param>
    /// <param name="threads">How many threads to use.</param>
    public static Centroids Train(float[] vectors, int dimensions, int count, int rounds, int threads)
    {
        var n = vectors.Length / dimensions;
        count = Math.Min(count, n);
        var points = new float[count * dimensions];
        for (var i = 0; i < count; i++)
        {
            // Spread over the sample; the same sample gives the same points.
            vectors.AsSpan((int)((long)i * n / count) * dimensions, dimensions).CopyTo(points.AsSpan(i * dimensions));
        }

        var nearest = new int[n];
        var centroids = new Centroids(points, dimensions);
        for (var round = 0; round < rounds; round++)
        {
            var current = centroids;
            Parallel.For(0, (n + 255) / 256, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(threads, 1) }, block =>
            {
                var distances = new float[current.Padded];
                fixed (float* from = vectors)
                {
                    for (var i = block * 256; i < Math.Min(n, (block + 1) * 256); i++)
                    {
                        nearest[i] = current.Nearest(from + ((long)i * dimensions), distances);
                    }
                }
            });
            Move(vectors, nearest, points, count, dimensions);
            centroids = new Centroids(points, dimensions);
        }

        return centroids;
    }

    /// <summary>The nearest point by Euclidean distance; of several the first.</summary>
    /// <param name="vector">float [dimensions].</param>
    /// <param name="distances">Room for <see cref="Padded"/> numbers.</param>
    public int Nearest(float* vector, Span<float> distances)
    {
        Compare(vector, distances, isDot: false);

        // Of every sixteenth distance the least, and where it is; behind the last point all are infinite.
        var least = Vector512.Create(float.PositiveInfinity);
        var where = Vector512<int>.Indices;
        for (var i = 0; i < Padded; i += Vector512<float>.Count)
        {
            var some = Vector512.Create<float>(distances.Slice(i, Vector512<float>.Count));
            var isLess = Vector512.LessThan(some, least);
            least = Vector512.ConditionalSelect(isLess, some, least);
            where = Vector512.ConditionalSelect(isLess.AsInt32(), Vector512<int>.Indices + Vector512.Create(i), where);
        }

        var best = 0;
        for (var i = 1; i < Vector512<float>.Count; i++)
        {
            best = least[i] < least[best] || (least[i] == least[best] && where[i] < where[best]) ? i : best;
        }

        return where[best];
    }

    /// <summary>How near each point is: |c|² − 2 c·x, the squared Euclidean distance but for |x|²; or −c·x.</summary>
    /// <param name="vector">float [dimensions].</param>
    /// <param name="distances">Room for <see cref="Padded"/> numbers; those behind the last point are infinite, or zero for the dot product.</param>
    /// <param name="isDot">Which of the two.</param>
    public void Compare(float* vector, Span<float> distances, bool isDot)
    {
        for (var panel = 0; panel < Padded; panel += Panel)
        {
            var from = _panels + ((nint)panel * Dimensions);
            var sum0 = Vector512<float>.Zero;
            var sum1 = Vector512<float>.Zero;
            var sum2 = Vector512<float>.Zero;
            var sum3 = Vector512<float>.Zero;
            for (var j = 0; j < Dimensions; j++, from += Panel)
            {
                var x = Vector512.Create(vector[j]);
                sum0 = Vector512.FusedMultiplyAdd(x, Vector512.Load(from), sum0);
                sum1 = Vector512.FusedMultiplyAdd(x, Vector512.Load(from + 16), sum1);
                sum2 = Vector512.FusedMultiplyAdd(x, Vector512.Load(from + 32), sum2);
                sum3 = Vector512.FusedMultiplyAdd(x, Vector512.Load(from + 48), sum3);
            }

            var to = distances.Slice(panel, Panel);
            if (isDot)
            {
                (-sum0).CopyTo(to);
                (-sum1).CopyTo(to[16..]);
                (-sum2).CopyTo(to[32..]);
                (-sum3).CopyTo(to[48..]);
            }
            else
            {
                var norms = _norms + panel;
                (Vector512.Load(norms) - (sum0 + sum0)).CopyTo(to);
                (Vector512.Load(norms + 16) - (sum1 + sum1)).CopyTo(to[16..]);
                (Vector512.Load(norms + 32) - (sum2 + sum2)).CopyTo(to[32..]);
                (Vector512.Load(norms + 48) - (sum3 + sum3)).CopyTo(to[48..]);
            }
        }

        GC.KeepAlive(this);
    }

    /// <summary>The points: float [count, dimensions].</summary>
    public float[] ToArray()
    {
        var points = new float[Count * Dimensions];
        for (var i = 0; i < Count; i++)
        {
            for (var j = 0; j < Dimensions; j++)
            {
                points[(i * Dimensions) + j] = _panels[(((i / Panel * Dimensions) + j) * Panel) + (i % Panel)];
            }
        }

        GC.KeepAlive(this);
        return points;
    }

    // Each point goes to the middle of what is nearest to it; one with nothing goes beside the fullest, which splits it.
    private static void Move(float[] vectors, int[] nearest, float[] points, int count, int dimensions)
    {
        var sums = new double[count * dimensions];
        var members = new int[count];
        for (var i = 0; i < nearest.Length; i++)
        {
            members[nearest[i]]++;
            var sum = sums.AsSpan(nearest[i] * dimensions, dimensions);
            for (var j = 0; j < dimensions; j++)
            {
                sum[j] += vectors[(i * dimensions) + j];
            }
        }

        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < dimensions && members[i] > 0; j++)
            {
                points[(i * dimensions) + j] = (float)(sums[(i * dimensions) + j] / members[i]);
            }
        }

        for (var i = 0; i < count; i++)
        {
            if (members[i] == 0)
            {
                var fullest = Array.IndexOf(members, members.Max());
                for (var j = 0; j < dimensions; j++)
                {
                    points[(i * dimensions) + j] = points[(fullest * dimensions) + j] * (j % 2 == 0 ? 1.001f : 0.999f);
                }

                members[i] = members[fullest] -= members[fullest] / 2;
            }
        }
    }
}
