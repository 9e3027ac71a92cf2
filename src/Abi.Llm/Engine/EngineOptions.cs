using Abi.Compute.Devices;
using Abi.Compute.Formats;

namespace Abi.Llm.Engine;

/// <summary>How an engine runs a model.</summary>
public sealed record EngineOptions
{
    /// <summary>The most tokens of one sequence; unset, by the memory rule of <see cref="ContextSizing"/>.</summary>
    public int? ContextLength { get; init; }

    /// <summary>The tokens that all sequences together can hold; unset, by the memory rule. Never less than one context.</summary>
    public int? CacheTokens { get; init; }

    /// <summary>The format of keys and values: F16 or F32.</summary>
    public TensorType CacheType { get; init; } = TensorType.F16;

    /// <summary>How activations are rounded before they meet quantised weights.</summary>
    public ActivationPrecision Activations { get; init; } = ActivationPrecision.Int8;

    /// <summary>The most sequences that are computed together; more wait.</summary>
    public int MaximumSequences { get; init; } = 32;

    /// <summary>The most token rows of one step.</summary>
    public int MaximumRows { get; init; } = 512;

    /// <summary>The most prompt rows of a step in which others already generate, so that these do not stall.</summary>
    public int MaximumPromptRowsBesideDecode { get; init; } = 128;

    /// <summary>
    /// Whether keys and values of finished texts are kept, as long as there is room, and shared by requests that begin with the same tokens. Results are the same bits either way.
    /// </summary>
    public bool ReusePrefixes { get; init; } = true;

    /// <summary>When weights are rearranged for the device.</summary>
    public RepackMode Repack { get; init; } = RepackMode.Lazy;

    /// <summary>Throws when an option is out of its range.</summary>
    /// <exception cref="ArgumentException">The option is named.</exception>
    public void Validate()
    {
        Positive(ContextLength, nameof(ContextLength));
        Positive(CacheTokens, nameof(CacheTokens));
        Positive(MaximumSequences, nameof(MaximumSequences));
        Positive(MaximumRows, nameof(MaximumRows));
        Positive(MaximumPromptRowsBesideDecode, nameof(MaximumPromptRowsBesideDecode));
        if (CacheType is not (TensorType.F16 or TensorType.F32))
        {
            throw new ArgumentException($"{nameof(CacheType)} is {CacheType}; it must be F16 or F32.");
        }
    }

    private static void Positive(int? value, string name)
    {
        if (value is <= 0)
        {
            throw new ArgumentException($"{name} is {value}; it must be 1 or more.");
        }
    }
}
