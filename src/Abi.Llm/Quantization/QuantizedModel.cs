using Abi.Llm.Gguf;

namespace Abi.Llm.Quantization;

/// <summary>What the rules of a mixture ask of a model.</summary>
/// <param name="Architecture">The architecture's name.</param>
/// <param name="BlockCount">The number of blocks.</param>
/// <param name="QueriesPerKey">How many query heads share a key head in the first block; 0 when it has none.</param>
/// <param name="ExpertCount">The number of experts; 0 for a dense model.</param>
/// <param name="IsSeventyBillion">Whether it is one of the families' models of 70 billion parameters, whose value projections are small.</param>
internal sealed record QuantizedModel(string Architecture, int BlockCount, int QueriesPerKey, int ExpertCount, bool IsSeventyBillion)
{
    /// <summary>Reads the facts from metadata; what is missing counts as 0.</summary>
    public static QuantizedModel Read(GgufMetadata metadata)
    {
        var architecture = metadata.GetString("general.architecture");
        var blocks = metadata.GetInt32($"{architecture}.block_count", 0);
        var heads = First(metadata, $"{architecture}.attention.head_count", 0);
        var keyHeads = First(metadata, $"{architecture}.attention.head_count_kv", heads);
        var experts = metadata.GetInt32($"{architecture}.expert_count", 0);
        var seventy = (architecture, blocks) switch
        {
            ("llama" or "llama-embed", 80) => heads != keyHeads && experts != 8,
            ("qwen2" or "deci" or "olmo", 80) or ("jais2", 68) => true,
            _ => false,
        };
        return new QuantizedModel(architecture, blocks, keyHeads == 0 ? 0 : heads / keyHeads, experts, seventy);
    }

    private static int First(GgufMetadata metadata, string key, int fallback) =>
        !metadata.TryGet(key, out var value) ? fallback : value.Type != GgufValueType.Array ? metadata.GetInt32(key) : value.Count > 0 ? metadata.GetInt32Array(key)[0] : fallback;
}
