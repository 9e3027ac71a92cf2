using Abi.Compute.Formats;

namespace Abi.Llm.Quantization;

/// <summary>How a model is quantised.</summary>
public sealed record ModelQuantizerOptions
{
    /// <summary>How many threads encode; 0 for one a processor.</summary>
    public int Threads { get; init; }

    /// <summary>Whether every tensor that is quantised gets the mixture's main format.</summary>
    public bool Pure { get; init; }

    /// <summary>The format of the output projection, or of the embeddings where these are the output projection too; unset, as the target has it.</summary>
    public TensorType? OutputType { get; init; }

    /// <summary>The format of the token embeddings; unset, as the target has it.</summary>
    public TensorType? EmbeddingType { get; init; }

    /// <summary>Whether tensors that are quantised already may be quantised again, which loses more than quantising the original would.</summary>
    public bool AllowRequantize { get; init; }

    /// <summary>Importance weights by tensor name: [columns], or [experts × columns] for a tensor of experts. Null when there are none.</summary>
    public IReadOnlyDictionary<string, float[]>? Importance { get; init; }
}
