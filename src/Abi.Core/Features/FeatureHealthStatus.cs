namespace Abi;

/// <summary>The condition of a feature, worst first.</summary>
public enum FeatureHealthStatus
{
    /// <summary>Does not work.</summary>
    Unhealthy,

    /// <summary>Works, but less well than it should.</summary>
    Degraded,

    /// <summary>Works as it should.</summary>
    Healthy,
}
