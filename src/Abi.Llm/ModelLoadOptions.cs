using Abi.Compute.Devices;
using Abi.Llm.Engine;
using Microsoft.Extensions.Logging;

namespace Abi.Llm;

/// <summary>How a model is loaded.</summary>
public sealed record ModelLoadOptions
{
    /// <summary>Context, cache, precision and batching.</summary>
    public EngineOptions Engine { get; init; } = new();

    /// <summary>The device that computes; unset, the CPU, shared by the process. A device given here is not disposed of with the model.</summary>
    public IDevice? Device { get; init; }

    /// <summary>Whether the whole file is read while loading, with progress. Off, the pages of the mapped file come when they are first used.</summary>
    public bool Prefetch { get; init; }

    /// <summary>Where to log; unset, nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }
}
