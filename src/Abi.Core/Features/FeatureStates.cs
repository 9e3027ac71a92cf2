namespace Abi;

/// <summary>The status of every feature in one container, worked out once from what was added, the build and the configuration.</summary>
internal sealed class FeatureStates
{
    private readonly Dictionary<string, (FeatureInfo Info, string Property)> _byName = new(StringComparer.Ordinal);

    public FeatureStates(FeatureRegistry registry, AbiConfiguration configuration)
    {
        foreach (var feature in registry.Added)
        {
            var key = AbiConfiguration.EnabledKey(feature.Name);
            _byName[feature.Name] = configuration.IsEnabled(feature.Name, out var source)
                ? (new FeatureInfo(feature.Name, FeatureStatus.On, $"added with Add{feature.Name}"), key)
                : (new FeatureInfo(feature.Name, FeatureStatus.Off, $"{source} is false. Remove it, or set it to true, to use the feature."), key);
        }

        foreach (var (name, property) in registry.CompiledOut)
        {
            _byName[name] = CompiledOut(name, property);
        }

        foreach (var name in FeatureCatalog.Names)
        {
            if (!_byName.ContainsKey(name))
            {
                _byName[name] = FeatureCatalog.IsCompiledOut(name) ? CompiledOut(name, FeatureCatalog.PropertyOf(name)) : NotAdded(name);
            }
        }

        Features = [.. _byName.Values.Select(entry => entry.Info).OrderBy(feature => feature.Name, StringComparer.Ordinal)];
    }

    internal IReadOnlyList<FeatureInfo> Features { get; }

    internal bool IsOn(string name) => _byName.TryGetValue(name, out var entry) && entry.Info.Status == FeatureStatus.On;

    internal FeatureDisabledException Disabled(string name)
    {
        var (info, property) = _byName.TryGetValue(name, out var entry) ? entry : NotAdded(name);
        return new FeatureDisabledException(name, property, info.Status, info.Reason);
    }

    internal string ReasonFor(string name) => _byName.TryGetValue(name, out var entry) ? entry.Info.Reason : NotAdded(name).Info.Reason;

    private static (FeatureInfo Info, string Property) NotAdded(string name) =>
        (new FeatureInfo(name, FeatureStatus.Off, $"it was not added. Reference the package {FeatureCatalog.PackageOf(name)} and call Add{name} on the builder."), $"Add{name}");

    private static (FeatureInfo Info, string Property) CompiledOut(string name, string property) =>
        (new FeatureInfo(name, FeatureStatus.CompiledOut, FeatureDisabledException.CompiledOutReason(name, property)), property);
}
