namespace Abi;

/// <summary>What has been added to one service collection; lives in it as an instance, so that several calls of <c>AddAbi</c> add to the same framework.</summary>
internal sealed class FeatureRegistry
{
    private readonly List<FeatureRegistration> _added = [];
    private readonly Dictionary<string, string> _compiledOut = new(StringComparer.Ordinal);

    internal IReadOnlyList<FeatureRegistration> Added => _added;

    internal IReadOnlyDictionary<string, string> CompiledOut => _compiledOut;

    internal bool Contains(string name) => _added.Exists(feature => feature.Name == name);

    internal void Add(FeatureRegistration feature) => _added.Add(feature);

    internal void AddCompiledOut(string name, string property) => _compiledOut[name] = property;

    internal FeatureRegistration? Find(Type featureType) => _added.Find(feature => feature.FeatureType == featureType);
}
