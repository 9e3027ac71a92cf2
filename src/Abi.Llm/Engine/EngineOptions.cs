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

    /// <summary>The format of keys, and of values unless <see cref="ValueCacheType"/> says another: F32, F16, Q8_0 or Q4_0.</summary>
    public TensorType CacheType { get; init; } = TensorType.F16;

    /// <summary>The format of values; unset, that of keys. Keys suffer more from rounding than values do.</summary>
    public TensorType? ValueCacheType { get; init; }

    /// <summary>How activations are rounded before they meet weights.</summary>
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

    /// <summary>The most requests that may wait to be admitted; a further one is a <see cref="QueueFullException"/>. Unset, any number.</summary>
    public int? QueueLimit { get; init; }

    /// <summary>The most time that any generation may take, waiting included; see <see cref="GenerationOptions.TimeLimit"/>. Unset, any time.</summary>
    public TimeSpan? TimeLimit { get; init; }

    /// <summary>The most tokens that any generation may sample, whatever it asks for. Unset, any number.</summary>
    public int? TokenLimit { get; init; }

    /// <summary>
    /// For models with recurrent state, which cannot be cut: with <see cref="ReusePrefixes"/> the state is remembered after every so many tokens, and before the last token of a
    /// prompt, as long as there is room. A rewind, or a text that begins like another, goes on from the longest one that fits. Steps of prompts end there.
    /// </summary>
    public int CheckpointInterval { get; init; } = 256;

    /// <summary>When weights are rearranged for the device.</summary>
    public RepackMode Repack { get; init; } = RepackMode.Lazy;

    /// <summary>Throws when an option is out of its range.</summary>
    /// <exception cref="ArgumentException">The option is named.</exception>
    public void Validate()
    {
        Positive(ContextLength, nameof(ContextLength));
        Positive(CacheTokens, nameof(CacheTokens));
        Positive(MaximumSequences, nameof(MaximumSequences));
        Positive(TokenLimit, nameof(TokenLimit));
        if (QueueLimit is < 0)
        {
            throw new ArgumentException($"{nameof(QueueLimit)} is {QueueLimit}; it must be 0 or more, or unset.");
        }

        if (TimeLimit is { } limit && (limit <= TimeSpan.Zero || limit > LongestTimeLimit))
        {
            throw new ArgumentException($"{nameof(TimeLimit)} is {limit}; it must be more than 0 and at most {LongestTimeLimit}, or unset.");
        }

        Positive(MaximumRows, nameof(MaximumRows));
        Positive(CheckpointInterval, nameof(CheckpointInterval));
        Positive(MaximumPromptRowsBesideDecode, nameof(MaximumPromptRowsBesideDecode));
        CacheFormat(CacheType, nameof(CacheType));
        CacheFormat(ValueCacheType ?? CacheType, nameof(ValueCacheType));
    }

    private static void CacheFormat(TensorType type, string name)
    {
        if (!StateOptions.CacheTypes.Contains(type))
        {
            throw new ArgumentException($"{name} is {type}; it must be one of {string.Join(", ", StateOptions.CacheTypes)}.");
        }
    }

    /// <summary>What a timer takes.</summary>
    internal static readonly TimeSpan LongestTimeLimit = TimeSpan.FromDays(49);

    private static void Positive(int? value, string name)
    {
        if (value is <= 0)
        {
            throw new ArgumentException($"{name} is {value}; it must be 1 or more.");
        }
    }
}
