using Microsoft.Extensions.VectorData.ProviderServices;
using Names = Microsoft.Extensions.VectorData.DistanceFunction;

namespace Abi.Database.VectorData.Models;

/// <summary>A distance function of VectorData: the database's function that orders alike, and its scores.</summary>
/// <param name="Function">The database's function.</param>
/// <param name="IsSimilarity">Whether greater scores are nearer.</param>
/// <param name="Score">A score of that function as one of this.</param>
internal sealed record DistanceMeasure(DistanceFunction Function, bool IsSimilarity, Func<double, double> Score)
{
    /// <summary>The measure of a property.</summary>
    /// <exception cref="NotSupportedException">The database has none like it.</exception>
    public static DistanceMeasure Of(VectorPropertyModel property, VectorElement element) => property.DistanceFunction switch
    {
        null when element == VectorElement.Binary => new(DistanceFunction.HammingDistance, false, Same),
        null or Names.CosineSimilarity => new(DistanceFunction.CosineSimilarity, true, Same),
        Names.CosineDistance => new(DistanceFunction.CosineSimilarity, false, cosine => 1 - cosine),
        Names.DotProductSimilarity => new(DistanceFunction.DotProductSimilarity, true, Same),
        Names.NegativeDotProductSimilarity => new(DistanceFunction.DotProductSimilarity, false, product => -product),
        Names.EuclideanSquaredDistance => new(DistanceFunction.EuclideanSquaredDistance, false, Same),
        Names.EuclideanDistance => new(DistanceFunction.EuclideanSquaredDistance, false, Math.Sqrt),
        Names.HammingDistance => new(DistanceFunction.HammingDistance, false, Same),
        var other => throw new NotSupportedException(
            $"The vector '{property.ModelName}' is to be compared by '{other}', which the database does not have. It has {Names.CosineSimilarity}, {Names.CosineDistance}, {Names.DotProductSimilarity}, "
            + $"{Names.NegativeDotProductSimilarity}, {Names.EuclideanDistance}, {Names.EuclideanSquaredDistance} and {Names.HammingDistance}."),
    };

    /// <summary>Whether a score is at least as near as a limit.</summary>
    public bool IsWithin(double score, double? limit) => limit is not { } bound || (IsSimilarity ? score >= bound : score <= bound);

    private static double Same(double score) => score;
}
