using Abi.Compute.Devices;
using Abi.Llm.Engine;
using Microsoft.Extensions.Logging;

namespace Abi.Llm;

/// <summary>How a model is loaded.</summary>
public sealed record ModelLoadOptions
{
    /// <summary>Context (<see cref="EngineOptions.ContextLength"/>), cache, precision and batching.</summary>
    public EngineOptions Engine { get; init; } = new();

    /// <summary>The device that computes; unset, the CPU, shared by the process. A device given here is not disposed of with the model.</summary>
    public IDevice? Device { get; init; }

    /// <summary>
    /// How many threads of the processor compute: a device of the model's own, which goes with it. Unset, the device that the process shares. Not together with <see cref="Device"/>. The results are
    /// the same bits either way.
    /// </summary>
    public int? Threads { get; init; }

    /// <summary>Whether the whole file is read while loading, with progress. Off, the pages of the mapped file come when they are first used.</summary>
    public bool Prefetch { get; init; }

    /// <summary>Where to log; unset, nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>Throws when an option is out of its range.</summary>
    /// <exception cref="ArgumentException">The option is named.</exception>
    public void Validate()
    {
        if (Threads is < 1 or > MaximumThreads)
        {
            throw new ArgumentException($"{nameof(Threads)} is {Threads}; it must be 1 to {MaximumThreads}, or unset.");
        }

        if (Threads is not null && Device is not null)
        {
            throw new ArgumentException($"{nameof(Threads)} and {nameof(Device)} are both set: a device that is given has its own threads. Leave one unset.");
        }

        Engine.Validate();
    }

    internal const int MaximumThreads = 1024;
}
