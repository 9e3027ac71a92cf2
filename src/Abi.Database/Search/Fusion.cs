namespace Abi.Database;

/// <summary>Two ranked lists made one.</summary>
public static class Fusion
{
    /// <summary>The records of both lists, best first; equal ones by their numbers.</summary>
    /// <param name="byVector">The numbers of the records that are near a vector, nearest first, with the values of the distance function.</param>
    /// <param name="byText">The numbers of the records that have words, best first, with their scores.</param>
    /// <param name="function">The distance function.</param>
    /// <param name="options">How.</param>
    public static IEnumerable<(int Slot, double Score, double? VectorScore, double? TextScore)> Fuse(
        IReadOnlyList<(int Slot, double Score)> byVector, IReadOnlyList<(int Slot, double Score)> byText, DistanceFunction function, HybridSearchOptions options)
    {
        ArgumentNullException.ThrowIfNull(byVector);
        ArgumentNullException.ThrowIfNull(byText);
        ArgumentNullException.ThrowIfNull(options);
        var isNearSmall = function is DistanceFunction.EuclideanSquaredDistance or DistanceFunction.HammingDistance;
        Dictionary<int, (double Score, double? Vector, double? Text)> all = [];
        for (var i = 0; i < byVector.Count; i++)
        {
            var gain = options.Fusion == HybridFusion.ReciprocalRank ? 1 / (options.RankConstant + i + 1) : Scaled(byVector, i, isNearSmall);
            all[byVector[i].Slot] = (options.VectorWeight * gain, byVector[i].Score, null);
        }

        for (var i = 0; i < byText.Count; i++)
        {
            var gain = options.Fusion == HybridFusion.ReciprocalRank ? 1 / (options.RankConstant + i + 1) : Scaled(byText, i, isNearSmall: false);
            var (score, vector, _) = all.GetValueOrDefault(byText[i].Slot);
            all[byText[i].Slot] = (score + (options.TextWeight * gain), vector, byText[i].Score);
        }

        return all.Select(item => (item.Key, item.Value.Score, item.Value.Vector, item.Value.Text)).OrderByDescending(item => item.Score).ThenBy(item => item.Key);
    }

    private static double Scaled(IReadOnlyList<(int Slot, double Score)> list, int at, bool isNearSmall)
    {
        var (first, score, last) = (Finite(list[0].Score), Finite(list[at].Score), Finite(list[^1].Score));
        var range = isNearSmall ? last - first : first - last;
        return range <= 0 ? 1 : isNearSmall ? (last - score) / range : (score - last) / range;

        // Floats of vectors that are long enough have no finite product.
        static double Finite(double score) => Math.Clamp(score, double.MinValue / 2, double.MaxValue / 2);
    }
}
