namespace Abi.Database;

/// <summary>How near two vectors are. The score of a search result is this function's value.</summary>
public enum DistanceFunction
{
    /// <summary>The cosine of the angle, 1 for the same direction: greater is nearer. The zero vector has no direction and is refused.</summary>
    CosineSimilarity,

    /// <summary>The dot product: greater is nearer.</summary>
    DotProductSimilarity,

    /// <summary>The squared Euclidean distance: smaller is nearer.</summary>
    EuclideanSquaredDistance,

    /// <summary>How many bits differ, for <see cref="VectorElement.Binary"/>: smaller is nearer.</summary>
    HammingDistance,
}
