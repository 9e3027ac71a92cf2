using Abi.Compute.Distances;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <summary>The rows and distances of one kind of vector: the meeting of element type and distance function.</summary>
internal abstract unsafe class VectorSpace(int dimensions, int rawBytes, int rowBytes)
{
    public int Dimensions => dimensions;

    /// <summary>The bytes of a vector as users and the log have it.</summary>
    public int RawBytes => rawBytes;

    /// <summary>The bytes of a row.</summary>
    public int RowBytes => rowBytes;

    public static VectorSpace Of(VectorField field)
    {
        var dimensions = field.Dimensions;
        return (field.Element, field.DistanceFunction) switch
        {
            (VectorElement.Float32, DistanceFunction.CosineSimilarity) => new VectorSpace<Float32Cosine>(dimensions, dimensions * 4),
            (VectorElement.Float32, DistanceFunction.DotProductSimilarity) => new VectorSpace<Float32Dot>(dimensions, dimensions * 4),
            (VectorElement.Float32, _) => new VectorSpace<Float32Euclidean>(dimensions, dimensions * 4),
            (VectorElement.Float16, DistanceFunction.CosineSimilarity) => new VectorSpace<PlainCosine<Half>>(dimensions, dimensions * 2),
            (VectorElement.Float16, DistanceFunction.DotProductSimilarity) => new VectorSpace<PlainDot<Half>>(dimensions, dimensions * 2),
            (VectorElement.Float16, _) => new VectorSpace<PlainEuclidean<Half>>(dimensions, dimensions * 2),
            (VectorElement.Int8, DistanceFunction.CosineSimilarity) => new VectorSpace<PlainCosine<sbyte>>(dimensions, dimensions),
            (VectorElement.Int8, DistanceFunction.DotProductSimilarity) => new VectorSpace<PlainDot<sbyte>>(dimensions, dimensions),
            (VectorElement.Int8, _) => new VectorSpace<PlainEuclidean<sbyte>>(dimensions, dimensions),
            _ => new VectorSpace<BinaryHamming>(dimensions, (dimensions + 7) / 8),
        };
    }

    /// <summary>The space of the codes of a quantized float32 field.</summary>
    public static VectorSpace OfCodes(VectorField field) => field.DistanceFunction switch
    {
        DistanceFunction.CosineSimilarity => new VectorSpace<ScalarCodeCosine>(field.Dimensions, field.Dimensions),
        DistanceFunction.DotProductSimilarity => new VectorSpace<ScalarCodeDot>(field.Dimensions, field.Dimensions),
        _ => new VectorSpace<ScalarCodeEuclidean>(field.Dimensions, field.Dimensions),
    };

    /// <summary>The score that users see for a distance.</summary>
    public static double Score(DistanceFunction function, float distance) => function switch
    {
        DistanceFunction.CosineSimilarity => 1 - distance,
        DistanceFunction.DotProductSimilarity => -distance,
        _ => distance,
    };

    /// <summary>The bytes of a query.</summary>
    public abstract int QueryBytes { get; }

    /// <summary>Whether walks compare by estimates, so that their distances are not the exact ones.</summary>
    public abstract bool IsEstimated { get; }

    /// <summary>Makes a row of a vector's bytes.</summary>
    public abstract void Encode(ReadOnlySpan<byte> raw, byte* row);

    /// <summary>Gives a row's vector back.</summary>
    public abstract void Decode(byte* row, Span<byte> raw);

    /// <summary>Makes a query of a row.</summary>
    public abstract void Prepare(byte* row, byte* query);

    public abstract float Distance(byte* query, byte* row);

    /// <summary>Compares one row and keeps it if it is among the nearest.</summary>
    /// <returns>Whether it was compared exactly; else an estimate had ruled it out.</returns>
    public abstract bool Offer(byte* query, byte* row, int slot, TopK best);

    /// <summary>Compares every row of a range and keeps the nearest that are accepted.</summary>
    public abstract void Scan<TAccept>(byte* query, NativeColumn rows, int from, int to, TopK best, TAccept accept)
        where TAccept : struct, ISlotFilter;

    /// <summary>Compares the rows of the slots given.</summary>
    public abstract void Scan<TAccept>(byte* query, NativeColumn rows, ReadOnlySpan<int> slots, TopK best, TAccept accept)
        where TAccept : struct, ISlotFilter;

    public abstract HnswGraph CreateGraph(NativeColumn rows, int connections, int constructionEffort);
}
