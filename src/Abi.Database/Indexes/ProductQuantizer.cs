using System.Runtime.Intrinsics;

namespace Abi.Database.Indexes;

/// <summary>
/// Codes of one byte for every four elements (Jégou, Douze and Schmid, "Product quantization for nearest neighbor search", 2011): each part of a vector is named by the nearest of 256 points, and the
/// distances of a query are added up out of a table. Immutable once made.
/// </summary>
internal sealed unsafe class ProductQuantizer
{
    /// <summary>The most points of a part; a table has as many numbers for each part.</summary>
    public const int PartPoints = 256;

    private const int PartDimensions = 4;
    private const int Samples = 16_384;
    private const int Rounds = 8;

    private readonly Centroids[] _parts;
    private readonly float[] _points; // float [parts, points, elements of the part]
    private readonly int _dimensions;

    private ProductQuantizer(Centroids[] parts, int dimensions)
    {
        (_parts, _dimensions) = (parts, dimensions);
        _points = [.. parts.SelectMany(part => part.ToArray())];
    }

    /// <summary>The bytes of a code: the parts.</summary>
    public int CodeBytes => _parts.Length;

    /// <summary>The numbers of a table.</summary>
    public int TableLength => _parts.Length * PartPoints;

    /// <summary>The points of all parts, part by part.</summary>
    public ReadOnlySpan<float> Points => _points;

    /// <summary>The bytes of a code for vectors of that many elements.</summary>
    public static int CodeBytesFor(int dimensions) => (dimensions + PartDimensions - 1) / PartDimensions;

    /// <summary>Learns the points.</summary>
    /// <param name="vectors">float [n, dimensions], n at least 1; what is taken of many is spread evenly.</param>
    /// <param name="dimensions">The elements of a vector.</param>
    /// <param name="threads">How many threads to use.</param>
    public static ProductQuantizer Train(float[] vectors, int dimensions, int threads)
    {
        var count = vectors.Length / dimensions;
        var some = Math.Min(count, Samples);
        var parts = new Centroids[CodeBytesFor(dimensions)];
        Parallel.For(0, parts.Length, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(threads, 1) }, part =>
        {
            var width = PartWidth(dimensions, part);
            var values = new float[some * width];
            for (var i = 0; i < some; i++)
            {
                vectors.AsSpan((int)(((long)i * count / some * dimensions) + (part * PartDimensions)), width).CopyTo(values.AsSpan(i * width));
            }

            parts[part] = Centroids.Train(values, width, PartPoints, Rounds, 1);
        });
        return new ProductQuantizer(parts, dimensions);
    }

    /// <summary>Takes over <see cref="Points"/> that were saved.</summary>
    /// <returns>Null when they do not fit.</returns>
    public static ProductQuantizer? Restore(ReadOnlySpan<float> points, int dimensions)
    {
        var count = points.Length / dimensions;
        if (count is < 1 or > PartPoints || points.Length % dimensions != 0 || points.ContainsAnyExceptInRange(float.MinValue, float.MaxValue))
        {
            return null;
        }

        var parts = new Centroids[CodeBytesFor(dimensions)];
        for (var part = 0; part < parts.Length; part++)
        {
            var width = PartWidth(dimensions, part);
            parts[part] = new Centroids(points[..(count * width)], width);
            points = points[(count * width)..];
        }

        return new ProductQuantizer(parts, dimensions);
    }

    /// <summary>Whether a code, or several behind one another, names points that there are.</summary>
    public bool IsCode(ReadOnlySpan<byte> codes) => _parts[0].Count == PartPoints || !codes.ContainsAnyExceptInRange((byte)0, (byte)(_parts[0].Count - 1));

    /// <summary>Makes the code of a vector.</summary>
    /// <param name="vector">float [dimensions].</param>
    /// <param name="code">byte [<see cref="CodeBytes"/>].</param>
    /// <param name="distances">Room for <see cref="PartPoints"/> numbers.</param>
    public void Encode(float* vector, Span<byte> code, Span<float> distances)
    {
        for (var part = 0; part < _parts.Length; part++)
        {
            code[part] = (byte)_parts[part].Nearest(vector + (part * PartDimensions), distances);
        }
    }

    /// <summary>The vector that a code stands for: float [dimensions].</summary>
    public void Decode(byte* code, Span<float> vector)
    {
        var count = _parts[0].Count;
        var whole = _dimensions / PartDimensions;
        var from = _points.AsSpan();
        for (var part = 0; part < whole; part++)
        {
            Vector128.Create<float>(from.Slice(code[part] * PartDimensions, PartDimensions)).CopyTo(vector.Slice(part * PartDimensions, PartDimensions));
            from = from[(count * PartDimensions)..];
        }

        if (whole < _parts.Length)
        {
            var width = PartWidth(_dimensions, whole);
            from.Slice(code[whole] * width, width).CopyTo(vector[(whole * PartDimensions)..]);
        }
    }

    /// <summary>How near each point of each part is, as <see cref="Centroids.Compare"/> has it.</summary>
    /// <param name="vector">float [dimensions].</param>
    /// <param name="table">float [<see cref="CodeBytes"/>, <see cref="PartPoints"/>].</param>
    /// <param name="isDot">Which of the two distances.</param>
    public void Compare(float* vector, Span<float> table, bool isDot)
    {
        for (var part = 0; part < _parts.Length; part++)
        {
            _parts[part].Compare(vector + (part * PartDimensions), table.Slice(part * PartPoints, PartPoints), isDot);
        }
    }

    /// <summary>The distance of a code.</summary>
    /// <param name="table">float [parts, <see cref="PartPoints"/>].</param>
    /// <param name="code">byte [parts].</param>
    /// <param name="parts">The bytes of a code.</param>
    public static float Sum(float* table, byte* code, int parts)
    {
        var (sum0, sum1, sum2, sum3) = (0f, 0f, 0f, 0f);
        var i = 0;
        for (; i + 4 <= parts; i += 4, table += 4 * PartPoints)
        {
            sum0 += table[code[i]];
            sum1 += table[PartPoints + code[i + 1]];
            sum2 += table[(2 * PartPoints) + code[i + 2]];
            sum3 += table[(3 * PartPoints) + code[i + 3]];
        }

        for (; i < parts; i++, table += PartPoints)
        {
            sum0 += table[code[i]];
        }

        return (sum0 + sum1) + (sum2 + sum3);
    }

    private static int PartWidth(int dimensions, int part) => Math.Min(PartDimensions, dimensions - (part * PartDimensions));
}
