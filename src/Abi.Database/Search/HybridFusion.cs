namespace Abi.Database;

/// <summary>How the lists of a search by vector and of one by words become one.</summary>
public enum HybridFusion
{
    /// <summary>By ranks: the sum of weight / (constant + rank) over both lists (Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion", 2009). Needs no scale.</summary>
    ReciprocalRank,

    /// <summary>By scores: the weighted sum of both, each list's scores brought to 0 (its last) … 1 (its first).</summary>
    WeightedScores,
}
