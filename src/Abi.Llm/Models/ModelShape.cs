using System.Collections.Immutable;
using System.Globalization;

namespace Abi.Llm.Models;

/// <summary>The shape of a model to be made of random weights: enough to measure and test with, of any size.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed record ModelShape
{
    /// <summary>The most of any count, as what loads models has it, and the most weights in all: far above every known model.</summary>
    private const int Most = 1 << 20;
    private const int MostBlocks = 10_000;
    private const long MostWeights = 1L << 46;

    /// <summary>The shapes with a name, most of them those of well-known models.</summary>
    public static ImmutableArray<ModelShape> Named { get; } =
    [
        new() { Name = "tiny", VocabularySize = 512, ContextLength = 512, EmbeddingLength = 256, FeedForwardLength = 512, BlockCount = 4, HeadCount = 4, KeyValueHeadCount = 2 },
        new() { Name = "stories", VocabularySize = 32000, ContextLength = 256, EmbeddingLength = 288, FeedForwardLength = 768, BlockCount = 6, HeadCount = 6, KeyValueHeadCount = 6 },
        new() { Name = "tinyllama-1.1b", VocabularySize = 32000, ContextLength = 2048, EmbeddingLength = 2048, FeedForwardLength = 5632, BlockCount = 22, HeadCount = 32, KeyValueHeadCount = 4 },
        new() { Name = "llama-3.2-1b", VocabularySize = 128256, ContextLength = 131072, EmbeddingLength = 2048, FeedForwardLength = 8192, BlockCount = 16, HeadCount = 32, KeyValueHeadCount = 8, IsTied = true, RopeBase = 500000, RopeFactor = 32 },
        new() { Name = "llama-3.2-3b", VocabularySize = 128256, ContextLength = 131072, EmbeddingLength = 3072, FeedForwardLength = 8192, BlockCount = 28, HeadCount = 24, KeyValueHeadCount = 8, IsTied = true, RopeBase = 500000, RopeFactor = 32 },
        new() { Name = "llama-3.1-8b", VocabularySize = 128256, ContextLength = 131072, EmbeddingLength = 4096, FeedForwardLength = 14336, BlockCount = 32, HeadCount = 32, KeyValueHeadCount = 8, RopeBase = 500000, RopeFactor = 8 },
        new() { Name = "llama-2-7b", VocabularySize = 32000, ContextLength = 4096, EmbeddingLength = 4096, FeedForwardLength = 11008, BlockCount = 32, HeadCount = 32, KeyValueHeadCount = 32 },
        new() { Name = "mistral-7b", VocabularySize = 32768, ContextLength = 32768, EmbeddingLength = 4096, FeedForwardLength = 14336, BlockCount = 32, HeadCount = 32, KeyValueHeadCount = 8, RopeBase = 1000000 },
        new() { Name = "qwen2.5-0.5b", Architecture = "qwen2", VocabularySize = 151936, ContextLength = 32768, EmbeddingLength = 896, FeedForwardLength = 4864, BlockCount = 24, HeadCount = 14, KeyValueHeadCount = 2, IsTied = true, RopeBase = 1000000, NormEpsilon = 1e-6f },
        new() { Name = "qwen2.5-1.5b", Architecture = "qwen2", VocabularySize = 151936, ContextLength = 32768, EmbeddingLength = 1536, FeedForwardLength = 8960, BlockCount = 28, HeadCount = 12, KeyValueHeadCount = 2, IsTied = true, RopeBase = 1000000, NormEpsilon = 1e-6f },
        new() { Name = "qwen2.5-7b", Architecture = "qwen2", VocabularySize = 152064, ContextLength = 32768, EmbeddingLength = 3584, FeedForwardLength = 18944, BlockCount = 28, HeadCount = 28, KeyValueHeadCount = 4, RopeBase = 1000000, NormEpsilon = 1e-6f },
        new() { Name = "qwen3-0.6b", Architecture = "qwen3", VocabularySize = 151936, ContextLength = 40960, EmbeddingLength = 1024, FeedForwardLength = 3072, BlockCount = 28, HeadCount = 16, KeyValueHeadCount = 8, HeadLength = 128, IsTied = true, RopeBase = 1000000, NormEpsilon = 1e-6f },
        new() { Name = "moe", VocabularySize = 32000, ContextLength = 2048, EmbeddingLength = 1024, FeedForwardLength = 1792, BlockCount = 8, HeadCount = 16, KeyValueHeadCount = 4, ExpertCount = 8, ExpertUsedCount = 2 },
        new() { Name = "mixtral-8x7b", VocabularySize = 32000, ContextLength = 32768, EmbeddingLength = 4096, FeedForwardLength = 14336, BlockCount = 32, HeadCount = 32, KeyValueHeadCount = 8, ExpertCount = 8, ExpertUsedCount = 2, RopeBase = 1000000 },
        new() { Name = "qwen3-30b-a3b", Architecture = "qwen3moe", VocabularySize = 151936, ContextLength = 40960, EmbeddingLength = 2048, FeedForwardLength = 768, BlockCount = 48, HeadCount = 32, KeyValueHeadCount = 4, HeadLength = 128, ExpertCount = 128, ExpertUsedCount = 8, RopeBase = 1000000, NormEpsilon = 1e-6f },
    ];

    /// <summary>The shape's name.</summary>
    public required string Name { get; init; }

    /// <summary>The architecture: llama, qwen2, qwen3 or qwen3moe.</summary>
    public string Architecture { get; init; } = "llama";

    /// <summary>The number of tokens, at least 260.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The context in tokens.</summary>
    public required int ContextLength { get; init; }

    /// <summary>The width of the residual stream.</summary>
    public required int EmbeddingLength { get; init; }

    /// <summary>The inner width of the feed-forward network, or of one expert.</summary>
    public required int FeedForwardLength { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int BlockCount { get; init; }

    /// <summary>The number of query heads.</summary>
    public required int HeadCount { get; init; }

    /// <summary>The number of key and value heads, a divisor of <see cref="HeadCount"/>.</summary>
    public required int KeyValueHeadCount { get; init; }

    /// <summary>The width of a head; 0 for <see cref="EmbeddingLength"/> / <see cref="HeadCount"/>.</summary>
    public int HeadLength { get; init; }

    /// <summary>The number of experts; 0 for a dense model.</summary>
    public int ExpertCount { get; init; }

    /// <summary>How many experts a token uses.</summary>
    public int ExpertUsedCount { get; init; }

    /// <summary>Whether the token embeddings are the output projection too.</summary>
    public bool IsTied { get; init; }

    /// <summary>The base of RoPE's frequencies.</summary>
    public float RopeBase { get; init; } = 10000;

    /// <summary>The factor of Llama 3's stretching of low frequencies, from 8192 tokens; 0 for none.</summary>
    public float RopeFactor { get; init; }

    /// <summary>The epsilon of the norms.</summary>
    public float NormEpsilon { get; init; } = 1e-5f;

    /// <summary>The width of a head.</summary>
    internal int ActualHeadLength => HeadLength > 0 ? HeadLength : EmbeddingLength / HeadCount;

    /// <summary>Reads a shape: a name, and changes to it (<c>tiny,blocks=8,vocabulary=1000</c>).</summary>
    /// <remarks>The changes: architecture, vocabulary, context, embedding, feedforward, blocks, heads, kvheads, headlength, experts, used, tied (true or false), ropebase, ropefactor.</remarks>
    /// <exception cref="ArgumentException">There is no such name or change, or the numbers do not fit each other.</exception>
    public static ModelShape Parse(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        var shape = Named.FirstOrDefault(named => named.Name.Equals(parts[0], StringComparison.OrdinalIgnoreCase))
            ?? throw new ArgumentException($"There is no shape '{parts[0]}'. There are: {string.Join(", ", Named.Select(named => named.Name))}.", nameof(text));
        foreach (var part in parts[1..])
        {
            var at = part.IndexOf('=', StringComparison.Ordinal);
            var (key, value) = at < 0 ? (part, string.Empty) : (part[..at], part[(at + 1)..]);
            try
            {
                shape = shape.With(key, value) with { Name = text };
            }
            catch (Exception e) when (e is FormatException or OverflowException)
            {
                throw new ArgumentException($"'{value}' is not a value for '{key}' of a shape.", nameof(text), e);
            }
        }

        shape.Check();
        return shape;
    }

    /// <summary>Checks that the numbers fit each other.</summary>
    /// <exception cref="ArgumentException">They do not.</exception>
    internal void Check()
    {
        if (VocabularySize < 260 || ContextLength < 1 || EmbeddingLength < 1 || FeedForwardLength < 1 || BlockCount < 1 || HeadCount < 1 || KeyValueHeadCount < 1 || ExpertCount < 0)
        {
            throw new ArgumentException($"A shape needs at least 260 tokens, and every other length and count positive: {this}.");
        }

        int[] counts = [VocabularySize, EmbeddingLength, FeedForwardLength, HeadCount, HeadLength, ExpertCount];
        if (counts.Any(count => count is < 0 or > Most) || BlockCount > MostBlocks || (long)HeadCount * ActualHeadLength > Most)
        {
            throw new ArgumentException($"A shape has at most {Most} of anything, heads times their length among it, and {MostBlocks} blocks, and nothing is negative: {this}.");
        }

        if (!float.IsFinite(RopeBase) || RopeBase <= 0 || !float.IsFinite(RopeFactor) || RopeFactor < 0)
        {
            throw new ArgumentException($"RoPE with the base {RopeBase} and the factor {RopeFactor} turns nothing: the base must be positive, the factor positive or 0.");
        }

        if (HeadCount % KeyValueHeadCount != 0 || ActualHeadLength < 2 || ActualHeadLength % 2 != 0 || (HeadLength == 0 && EmbeddingLength % HeadCount != 0))
        {
            throw new ArgumentException($"{HeadCount} heads over {EmbeddingLength} columns with {KeyValueHeadCount} key and value heads is no shape: heads must divide the width into even lengths, and be a multiple of the key and value heads.");
        }

        if (ExpertCount > 0 ? ExpertUsedCount < 1 || ExpertUsedCount > ExpertCount : ExpertUsedCount != 0)
        {
            throw new ArgumentException($"{ExpertUsedCount} of {ExpertCount} experts cannot be used by a token.");
        }

        Int128 ofBlock = (Int128)EmbeddingLength * ((2L * (HeadCount + KeyValueHeadCount) * ActualHeadLength) + (3L * FeedForwardLength * Math.Max(1, ExpertCount)));
        if ((ofBlock * BlockCount) + (2L * VocabularySize * EmbeddingLength) is var weights && weights > MostWeights)
        {
            throw new ArgumentException($"The shape has {weights} weights; at most {MostWeights} are made.");
        }

        if (Architecture is not ("llama" or "qwen2" or "qwen3" or "qwen3moe") || (Architecture == "qwen3moe") != (ExpertCount > 0 && Architecture != "llama"))
        {
            throw new ArgumentException($"Random models are made of the architectures llama, qwen2, qwen3 (dense) and qwen3moe, and experts only of llama and qwen3moe; not of '{Architecture}' with {ExpertCount} experts.");
        }
    }

    private ModelShape With(string key, string value)
    {
        int Count() => int.Parse(value, CultureInfo.InvariantCulture);
        return key switch
        {
            "architecture" => this with { Architecture = value },
            "vocabulary" => this with { VocabularySize = Count() },
            "context" => this with { ContextLength = Count() },
            "embedding" => this with { EmbeddingLength = Count() },
            "feedforward" => this with { FeedForwardLength = Count() },
            "blocks" => this with { BlockCount = Count() },
            "heads" => this with { HeadCount = Count() },
            "kvheads" => this with { KeyValueHeadCount = Count() },
            "headlength" => this with { HeadLength = Count() },
            "experts" => this with { ExpertCount = Count() },
            "used" => this with { ExpertUsedCount = Count() },
            "tied" => this with { IsTied = bool.Parse(value) },
            "ropebase" => this with { RopeBase = float.Parse(value, CultureInfo.InvariantCulture) },
            "ropefactor" => this with { RopeFactor = float.Parse(value, CultureInfo.InvariantCulture) },
            _ => throw new ArgumentException($"A shape has no '{key}'. There are: architecture, vocabulary, context, embedding, feedforward, blocks, heads, kvheads, headlength, experts, used, tied, ropebase, ropefactor.", nameof(key)),
        };
    }
}
