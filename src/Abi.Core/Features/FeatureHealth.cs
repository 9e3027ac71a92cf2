namespace Abi;

/// <summary>What a feature says of its own condition.</summary>
/// <param name="Status">The condition.</param>
/// <param name="Description">What was found, for a person to read.</param>
/// <param name="Exception">The error behind a condition that is not healthy.</param>
public sealed record FeatureHealth(FeatureHealthStatus Status, string? Description = null, Exception? Exception = null)
{
    /// <summary>Works as it should, with nothing to add.</summary>
    public static FeatureHealth Healthy { get; } = new(FeatureHealthStatus.Healthy);
}
