namespace Abi;

/// <summary>A feature was used that this program has turned off, has not added, or was built without. The message names the feature and what turns it on.</summary>
public sealed class FeatureDisabledException : AbiException
{
    /// <summary>Makes the exception of a feature that was compiled out: what every operation of its stub throws.</summary>
    /// <param name="feature">The feature's name, for example <c>Llm</c>.</param>
    /// <param name="property">The MSBuild property that brings it back, for example <c>AbiEnableLlm</c>.</param>
    public FeatureDisabledException(string feature, string property)
        : this(feature, property, FeatureStatus.CompiledOut, CompiledOutReason(feature, property)) { }

    internal FeatureDisabledException(string feature, string property, FeatureStatus status, string reason)
        : base($"The feature '{feature}' is not available: {reason}")
    {
        Feature = feature;
        Property = property;
        Status = status;
    }

    /// <summary>The feature's name.</summary>
    public string Feature { get; }

    /// <summary>What decides whether the feature is there: an MSBuild property, a configuration key, or the method that adds it.</summary>
    public string Property { get; }

    /// <summary><see cref="FeatureStatus.CompiledOut"/> or <see cref="FeatureStatus.Off"/>.</summary>
    public FeatureStatus Status { get; }

    internal static string CompiledOutReason(string feature, string property) =>
        $"it was compiled out of this program because the MSBuild property {property} is false. Set <{property}>true</{property}> (the default) in the project and build again to use Abi.{feature}.";
}
