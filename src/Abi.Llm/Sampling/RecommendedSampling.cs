using System.Collections.Immutable;
using Abi.Llm.Gguf;

namespace Abi.Llm.Sampling;

/// <summary>
/// What a model's file recommends to sample with, as llama.cpp's programs follow it: the keys <c>general.sampling.*</c>, and the tokens of <c>tokenizer.ggml.suppress_tokens</c> are not to be
/// written. A value that cannot be used counts as absent.
/// </summary>
internal static class RecommendedSampling
{
    private const string Prefix = "general.sampling.";
    private const float LeastPenalty = 1e-6f; // logits are divided by it

    /// <summary>Reads the recommendation.</summary>
    /// <param name="metadata">The file's.</param>
    /// <param name="contextLength">What a window of −1 tokens stands for.</param>
    /// <param name="vocabularySize">How many tokens there are.</param>
    /// <returns>Options in which nothing is set but what the file says.</returns>
    public static SamplingOptions Read(GgufMetadata metadata, int contextLength, int vocabularySize)
    {
        var options = new SamplingOptions();
        Number("temp", float.MinValue, value => options with { Temperature = value });
        Integer("top_k", value => options with { TopK = value });
        Number("top_p", 0, value => options with { TopP = value });
        Number("min_p", 0, value => options with { MinP = value });
        Number("xtc_probability", 0, value => options with { XtcProbability = value });
        Number("xtc_threshold", 0, value => options with { XtcThreshold = value });
        Integer("penalty_last_n", value => options with { PenaltyWindow = value < 0 ? contextLength : value });
        Number("penalty_repeat", LeastPenalty, value => options with { RepetitionPenalty = value });
        Integer("mirostat", value => Enum.IsDefined((MirostatMode)value) ? options with { Mirostat = (MirostatMode)value } : options);
        Number("mirostat_tau", float.MinValue, value => options with { MirostatTau = value });
        Number("mirostat_eta", float.MinValue, value => options with { MirostatEta = value });
        if (metadata.TryGet($"{Prefix}sequence", out var sequence) && sequence.Type == GgufValueType.String
            && sequence.AsString().Split(';').Select(SamplerNames.Find).OfType<SamplerKind>().ToImmutableArray() is { IsEmpty: false } order)
        {
            options = options with { Order = order };
        }

        if (metadata.TryGet("tokenizer.ggml.suppress_tokens", out var suppressed) && suppressed is { Type: GgufValueType.Array, ElementType: GgufValueType.Int32 })
        {
            options = options with { LogitBias = suppressed.AsInt32Array().Where(id => id >= 0 && id < vocabularySize).Distinct().ToImmutableDictionary(id => id, _ => float.NegativeInfinity) };
        }

        return options;

        void Number(string key, float least, Func<float, SamplingOptions> set)
        {
            if (Find(key) is { } value && float.IsFinite((float)value) && (float)value >= least)
            {
                options = set((float)value);
            }
        }

        void Integer(string key, Func<int, SamplingOptions> set)
        {
            if (Find(key) is { } value && value >= int.MinValue && value <= int.MaxValue)
            {
                options = set((int)value);
            }
        }

        double? Find(string key) => metadata.TryGet(Prefix + key, out var value) && value.Type is not (GgufValueType.Array or GgufValueType.String or GgufValueType.Boolean)
            ? value.Type == GgufValueType.UInt64 ? BitConverter.ToUInt64(value.Bytes) : value.AsDouble()
            : null;
    }
}
