using System.Collections.Immutable;
using Abi.Llm.Gguf;

namespace Abi.Llm.Models;

/// <summary>The numbers of a model, read from its metadata and checked.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed record Hyperparameters
{
    /// <summary>The most of any count that a file may claim (blocks, heads, experts): far above every known model. Products of two do not fit into an int.</summary>
    private const int Most = 1 << 20;

    /// <summary>The number of tokens in the vocabulary.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The context that the model was trained with, in tokens.</summary>
    public required int ContextLength { get; init; }

    /// <summary>The width of the residual stream.</summary>
    public required int EmbeddingLength { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int BlockCount { get; init; }

    /// <summary>The inner width of each block's feed-forward network: [blocks].</summary>
    public required ImmutableArray<int> FeedForwardLengths { get; init; }

    /// <summary>The query heads of each block: [blocks].</summary>
    public required ImmutableArray<int> Heads { get; init; }

    /// <summary>The key/value heads of each block: [blocks].</summary>
    public required ImmutableArray<int> KeyValueHeads { get; init; }

    /// <summary>The floats of one key.</summary>
    public required int KeySize { get; init; }

    /// <summary>The floats of one value.</summary>
    public required int ValueSize { get; init; }

    /// <summary>How many columns of a head rotate.</summary>
    public required int RotaryDimensions { get; init; }

    /// <summary>The base of RoPE's frequencies.</summary>
    public required float RopeFrequencyBase { get; init; }

    /// <summary>What RoPE's positions are multiplied by.</summary>
    public required float RopeFrequencyScale { get; init; }

    /// <summary>The scaling's name: none, linear, yarn or longrope.</summary>
    public required string RopeScaling { get; init; }

    /// <summary>The context before scaling.</summary>
    public required int RopeOriginalContext { get; init; }

    /// <summary>The epsilon of the norms.</summary>
    public required float NormEpsilon { get; init; }

    /// <summary>How many positions a token of a sliding block sees; 0 for all.</summary>
    public required int SlidingWindow { get; init; }

    /// <summary>The number of experts; 0 for a dense model.</summary>
    public required int ExpertCount { get; init; }

    /// <summary>How many experts a token uses.</summary>
    public required int ExpertUsedCount { get; init; }

    /// <summary>Reads the numbers of an architecture.</summary>
    /// <exception cref="ModelFormatException">One is missing or absurd.</exception>
    public static Hyperparameters Read(GgufFile file, string architecture)
    {
        var metadata = file.Metadata;
        string Key(string name) => $"{architecture}.{name}";
        var blocks = Count(metadata, file.Path, Key("block_count"), metadata.GetInt32(Key("block_count")), 1, 10_000);
        var embedding = Count(metadata, file.Path, Key("embedding_length"), metadata.GetInt32(Key("embedding_length")), 1, Most);
        // Models without attention need not count its heads; attention itself refuses none.
        ImmutableArray<int> heads = metadata.Contains(Key("attention.head_count")) ? PerBlock(metadata, file.Path, Key("attention.head_count"), blocks, 0) : [.. Enumerable.Repeat(0, blocks)];
        var keyValueHeads = metadata.Contains(Key("attention.head_count_kv")) ? PerBlock(metadata, file.Path, Key("attention.head_count_kv"), blocks, 0) : heads;
        var firstHeads = heads.FirstOrDefault(count => count > 0);
        var headSize = firstHeads > 0 ? embedding / firstHeads : embedding;
        var keySize = Count(metadata, file.Path, Key("attention.key_length"), metadata.GetInt32(Key("attention.key_length"), headSize), 0, Most);
        var scaling = metadata.GetString(Key("rope.scaling.type"), "linear");
        if (scaling is not ("none" or "linear" or "yarn" or "longrope"))
        {
            throw new ModelFormatException($"'{Key("rope.scaling.type")}' is '{scaling}'; none, linear, yarn and longrope are known", file.Path);
        }

        var factor = metadata.GetSingle(Key("rope.scaling.factor"), metadata.GetSingle(Key("rope.scale_linear"), 0));
        var context = Count(metadata, file.Path, Key("context_length"), metadata.GetInt32(Key("context_length")), 1, int.MaxValue);
        var embeddings = file.FindTensor("token_embd.weight");
        return new Hyperparameters
        {
            VocabularySize = Count(metadata, file.Path, Key("vocab_size"), embeddings?.Rows ?? metadata.GetInt32(Key("vocab_size"), 0), 0, int.MaxValue),
            ContextLength = context,
            EmbeddingLength = embedding,
            BlockCount = blocks,
            FeedForwardLengths = metadata.Contains(Key("feed_forward_length")) ? PerBlock(metadata, file.Path, Key("feed_forward_length"), blocks, 0) : [.. Enumerable.Repeat(0, blocks)],
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            KeySize = keySize,
            ValueSize = Count(metadata, file.Path, Key("attention.value_length"), metadata.GetInt32(Key("attention.value_length"), headSize), 0, Most),
            RotaryDimensions = Count(metadata, file.Path, Key("rope.dimension_count"), metadata.GetInt32(Key("rope.dimension_count"), keySize), 0, Most),
            RopeFrequencyBase = Finite(file.Path, Key("rope.freq_base"), metadata.GetSingle(Key("rope.freq_base"), 10000)),
            RopeFrequencyScale = factor == 0 || scaling == "none" ? 1 : 1 / Finite(file.Path, Key("rope.scaling.factor"), factor),
            RopeScaling = scaling,
            RopeOriginalContext = Count(metadata, file.Path, Key("rope.scaling.original_context_length"), metadata.GetInt32(Key("rope.scaling.original_context_length"), context), 1, int.MaxValue),
            NormEpsilon = Epsilon(metadata, file.Path, Key("attention.layer_norm_rms_epsilon"), Key("attention.layer_norm_epsilon"), prefersLayer: ArchitectureTable.Find(architecture)?.Norm == NormKind.Layer),
            SlidingWindow = Count(metadata, file.Path, Key("attention.sliding_window"), metadata.GetInt32(Key("attention.sliding_window"), 0), 0, int.MaxValue),
            ExpertCount = Count(metadata, file.Path, Key("expert_count"), metadata.GetInt32(Key("expert_count"), 0), 0, 65_536),
            ExpertUsedCount = Count(metadata, file.Path, Key("expert_used_count"), metadata.GetInt32(Key("expert_used_count"), 0), 0, 65_536),
        };
    }

    private static ImmutableArray<int> PerBlock(GgufMetadata metadata, string? path, string key, int blocks, int least)
    {
        if (metadata.TryGet(key, out var value) && value.Type == GgufValueType.Array)
        {
            var values = metadata.GetInt32Array(key);
            return values.Length >= blocks
                ? [.. values.Take(blocks).Select(v => Count(metadata, path, key, v, least, Most))]
                : throw new ModelFormatException($"'{key}' has {values.Length} elements for {blocks} blocks.", path);
        }

        return [.. Enumerable.Repeat(Count(metadata, path, key, metadata.GetInt32(key), least, Most), blocks)];
    }

    private static int Count(GgufMetadata metadata, string? path, string key, long value, int least, int most)
    {
        _ = metadata;
        return value >= least && value <= most ? (int)value : throw new ModelFormatException($"'{key}' is {value}; it must be between {least} and {most}.", path);
    }

    /// <summary>The epsilon of the norms, which converters write for every family: RMS norms and layer norms have a key each, and a file may have both.</summary>
    private static float Epsilon(GgufMetadata metadata, string? path, string rmsKey, string layerKey, bool prefersLayer)
    {
        var key = metadata.Contains(rmsKey) && !(prefersLayer && metadata.Contains(layerKey)) ? rmsKey : layerKey;
        if (!metadata.Contains(key))
        {
            throw new ModelFormatException($"The metadata has neither '{rmsKey}' nor '{layerKey}', one of which this model needs; the file is incomplete or was converted by an old tool: convert it again", path);
        }

        var value = metadata.GetSingle(key);
        return float.IsFinite(value) && value >= 0 ? value : throw new ModelFormatException($"'{key}' is {value}; it must be a number that is not negative", path);
    }

    private static float Finite(string? path, string key, float value) =>
        float.IsFinite(value) && value > 0 ? value : throw new ModelFormatException($"'{key}' is {value}; it must be a positive number.", path);
}
