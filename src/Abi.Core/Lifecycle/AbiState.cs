namespace Abi;

/// <summary>Where the framework is in its life.</summary>
public enum AbiState
{
    /// <summary>Built, nothing started yet.</summary>
    Created,

    /// <summary>Features are being started.</summary>
    Starting,

    /// <summary>Every feature that is on has started.</summary>
    Running,

    /// <summary>Features are being stopped.</summary>
    Stopping,

    /// <summary>Every feature has been stopped; may be started again.</summary>
    Stopped,

    /// <summary>A feature failed to start; those before it were stopped again. May be started again.</summary>
    Failed,

    /// <summary>At its end.</summary>
    Disposed,
}
