namespace Abi.Llm.Hosting;

/// <summary>Where a hosted model is.</summary>
public enum HostedModelState
{
    /// <summary>Not in memory.</summary>
    Unloaded,

    /// <summary>On its way into memory, or waiting for room there.</summary>
    Loading,

    /// <summary>In memory.</summary>
    Loaded,

    /// <summary>On its way out.</summary>
    Unloading,
}
