namespace Abi.Database.Tests.Search;

/// <summary>Two ranked lists made one, by hand.</summary>
public sealed class FusionTests
{
    private static readonly (int, double)[] ByVector = [(7, 10), (3, 20), (5, 40)]; // a distance

    private static readonly (int, double)[] ByText = [(5, 8), (9, 5), (7, 2)];

    [Test]
    public void ByRank()
    {
        var fused = Fuse(new HybridSearchOptions { RankConstant = 1, VectorWeight = 2, TextWeight = 3 });
        Assert.That(fused.Select(item => item.Slot), Is.EqualTo((int[])[5, 7, 9, 3]));
        Assert.That(fused.Select(item => item.Score), Is.EqualTo((double[])[(2 / 4.0) + (3 / 2.0), (2 / 2.0) + (3 / 4.0), 3 / 3.0, 2 / 3.0]).Within(1e-15));
        Assert.That(fused.Select(item => item.VectorScore), Is.EqualTo((double?[])[40, 10, null, 20]));
        Assert.That(fused.Select(item => item.TextScore), Is.EqualTo((double?[])[8, 2, 5, null]));
    }

    /// <summary>A distance is best where it is least, a similarity where it is greatest.</summary>
    [TestCase(DistanceFunction.EuclideanSquaredDistance)]
    [TestCase(DistanceFunction.HammingDistance)]
    [TestCase(DistanceFunction.CosineSimilarity)]
    [TestCase(DistanceFunction.DotProductSimilarity)]
    public void ByScore(DistanceFunction function)
    {
        var isDistance = function is DistanceFunction.EuclideanSquaredDistance or DistanceFunction.HammingDistance;
        (int, double)[] byVector = [.. ByVector.Select(item => (item.Item1, isDistance ? item.Item2 : -item.Item2))];
        var fused = Fuse(new HybridSearchOptions { Fusion = HybridFusion.WeightedScores, VectorWeight = 3, TextWeight = 4 }, byVector, function: function);
        Assert.That(fused.Select(item => item.Slot), Is.EqualTo((int[])[5, 7, 3, 9]));
        Assert.That(fused.Select(item => item.Score), Is.EqualTo((double[])[4, 3, 3 * 2 / 3.0, 4 * 3 / 6.0]).Within(1e-15));
    }

    [Test]
    public void OneAloneIsTheBestOfItsList() =>
        Assert.That(Fuse(new HybridSearchOptions { Fusion = HybridFusion.WeightedScores, TextWeight = 0.5 }, [(1, 3)], [(2, 0)]).Select(item => (item.Slot, item.Score)), Is.EqualTo(((int, double)[])[(1, 1), (2, 0.5)]));

    /// <summary>One vector that is too long for a distance does not take the others' scores from them.</summary>
    [Test]
    public void ADistanceWithoutEndIsTheFarthest([Values] bool isOfSimilarity)
    {
        var function = isOfSimilarity ? DistanceFunction.DotProductSimilarity : DistanceFunction.EuclideanSquaredDistance;
        (int, double)[] byVector = isOfSimilarity ? [(1, double.PositiveInfinity), (2, 5), (3, double.NegativeInfinity)] : [(1, 0), (2, double.PositiveInfinity), (3, double.PositiveInfinity)];
        var fused = Fuse(new HybridSearchOptions { Fusion = HybridFusion.WeightedScores }, byVector, [(3, 9), (2, 1)], function);
        Assert.That(fused.Select(item => (item.Slot, item.Score)), Is.EqualTo(((int, double)[])(isOfSimilarity ? [(1, 1), (3, 1), (2, 0.5)] : [(1, 1), (3, 1), (2, 0)])));
    }

    [Test]
    public void EqualOnesComeByTheirNumbers() =>
        Assert.That(Fuse(new HybridSearchOptions(), [(9, 1), (4, 2)], [(2, 2), (6, 1)]).Select(item => item.Slot), Is.EqualTo((int[])[2, 9, 4, 6]));

    private static List<(int Slot, double Score, double? VectorScore, double? TextScore)> Fuse(
        HybridSearchOptions options, (int, double)[]? byVector = null, (int, double)[]? byText = null, DistanceFunction function = DistanceFunction.EuclideanSquaredDistance) =>
        [.. Fusion.Fuse(byVector ?? ByVector, byText ?? ByText, function, options)];
}
