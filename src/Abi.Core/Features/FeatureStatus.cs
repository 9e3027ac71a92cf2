namespace Abi;

/// <summary>Whether a feature can be used in this program.</summary>
public enum FeatureStatus
{
    /// <summary>Not added, or turned off by configuration. Nothing of it was created.</summary>
    Off,

    /// <summary>Added: it starts and stops with the framework.</summary>
    On,

    /// <summary>The program was built with the feature's MSBuild property set to false: only a stub of its assembly is there.</summary>
    CompiledOut,
}
