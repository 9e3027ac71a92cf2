using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Abi.Database.Indexes;

/// <summary>
/// Float32 vectors in a form whose squared Euclidean distances order as the field's distances do, for what works by Euclidean distance only. For cosine, vectors of length 1; for the dot product, vectors
/// with one more element, which makes all as long as the longest (Bachrach et al., "Speeding Up the Xbox Recommender System Using a Euclidean Transformation for Inner-Product Spaces", 2014).
/// </summary>
/// <param name="space">The space of the rows.</param>
/// <param name="function">Its distance.</param>
/// <param name="longest">The norm of the longest vector, for the dot product; longer ones are taken to be as long.</param>
internal sealed unsafe class EuclideanForm(VectorSpace space, DistanceFunction function, float longest)
{
    /// <summary>The elements of a vector in this form.</summary>
    public int Dimensions { get; } = space.Dimensions + (function == DistanceFunction.DotProductSimilarity ? 1 : 0);

    public float Longest => longest;

    public static void Normalize(Span<float> vector)
    {
        var squares = 0.0;
        foreach (var x in vector)
        {
            squares += (double)x * x;
        }

        TensorPrimitives.Multiply(vector, (float)(1 / Math.Sqrt(squares)), vector);
    }

    /// <summary>A row's vector.</summary>
    /// <param name="row">The row.</param>
    /// <param name="vector">float [<see cref="Dimensions"/>].</param>
    public void Read(byte* row, Span<float> vector)
    {
        var elements = vector[..space.Dimensions];
        space.Decode(row, MemoryMarshal.AsBytes(elements));
        if (function == DistanceFunction.CosineSimilarity)
        {
            Normalize(elements);
        }
        else if (function == DistanceFunction.DotProductSimilarity)
        {
            vector[^1] = MathF.Sqrt(MathF.Max(0, (longest * longest) - TensorPrimitives.SumOfSquares<float>(elements)));
        }
    }

    /// <summary>A query. For the dot product its distances differ from those of rows by what is the same for all of them.</summary>
    /// <param name="query">float [space.Dimensions].</param>
    /// <param name="vector">float [<see cref="Dimensions"/>].</param>
    public void Query(ReadOnlySpan<float> query, Span<float> vector)
    {
        query.CopyTo(vector);
        if (function == DistanceFunction.CosineSimilarity)
        {
            Normalize(vector);
        }
        else if (function == DistanceFunction.DotProductSimilarity)
        {
            vector[^1] = 0;
        }
    }
}
