using System.Collections;
using FsCheck;
using FsCheck.Fluent;

namespace Abi.Core.Tests.Lifecycle;

public sealed class StartOrderTests
{
    /// <summary>Edges only go from later to earlier names of a random permutation: no circles, any other shape.</summary>
    [Test]
    public void EveryFeatureComesAfterWhatItNeeds() => Prop.ForAll<int, byte>((seed, size) =>
    {
        var random = new Random(seed);
        var count = size % 20;
        var rank = Enumerable.Range(0, count).ToArray();
        random.Shuffle(rank);
        var registry = new FeatureRegistry();
        for (var index = 0; index < count; index++)
        {
            string[] Pick() => [.. Enumerable.Range(0, count).Where(other => rank[other] < rank[index] && random.Next(3) == 0).Select(other => $"F{other}")];
            registry.Add(new FeatureRegistration($"F{index}", typeof(Alpha), Pick(), Pick()));
        }

        var states = new FeatureStates(registry, new AbiConfiguration(null, new Hashtable()));
        var order = StartOrder.Of(registry.Added, states).ToList();
        return order.Count == count && order.TrueForAll(feature =>
            feature.DependsOn.Concat(feature.StartsAfter).All(earlier => order.FindIndex(other => other.Name == earlier) < order.IndexOf(feature)));
    }).QuickCheckThrowOnFailure();
}
