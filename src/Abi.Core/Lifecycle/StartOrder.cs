namespace Abi;

/// <summary>Sorts features so that each comes after what it needs; features that do not need each other stay in the order in which they were added.</summary>
internal static class StartOrder
{
    internal static IReadOnlyList<FeatureRegistration> Of(IReadOnlyList<FeatureRegistration> features, FeatureStates states)
    {
        var on = features.Where(feature => states.IsOn(feature.Name)).ToList();
        var byName = on.ToDictionary(feature => feature.Name, StringComparer.Ordinal);
        foreach (var feature in on)
        {
            foreach (var needed in feature.DependsOn.Where(needed => !byName.ContainsKey(needed)))
            {
                throw new FeatureDependencyException($"The feature '{feature.Name}' needs '{needed}', which is not available: {states.ReasonFor(needed)}");
            }
        }

        var order = new List<FeatureRegistration>(on.Count);
        var path = new List<string>();
        foreach (var feature in on)
        {
            Visit(feature);
        }

        return order;

        void Visit(FeatureRegistration feature)
        {
            if (order.Contains(feature))
            {
                return;
            }

            if (path.Contains(feature.Name))
            {
                throw new FeatureDependencyException($"Features need each other in a circle: {string.Join(" -> ", path.SkipWhile(name => name != feature.Name))} -> {feature.Name}. Remove one of these dependencies.");
            }

            path.Add(feature.Name);
            foreach (var name in feature.DependsOn.Concat(feature.StartsAfter))
            {
                if (byName.TryGetValue(name, out var earlier))
                {
                    Visit(earlier);
                }
            }

            path.RemoveAt(path.Count - 1);
            order.Add(feature);
        }
    }
}
