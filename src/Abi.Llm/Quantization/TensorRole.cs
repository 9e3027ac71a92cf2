namespace Abi.Llm.Quantization;

/// <summary>What a tensor is for, as far as mixtures tell tensors apart.</summary>
internal enum TensorRole
{
    /// <summary>Anything else.</summary>
    Other,

    /// <summary>The token embeddings.</summary>
    Embedding,

    /// <summary>The output projection.</summary>
    Output,

    /// <summary>The query projection.</summary>
    Query,

    /// <summary>The key projection.</summary>
    Key,

    /// <summary>The value projection.</summary>
    Value,

    /// <summary>Queries, keys and values in one.</summary>
    QueryKeyValue,

    /// <summary>Keys and values from the compressed cache.</summary>
    KeyValue,

    /// <summary>The projection behind attention.</summary>
    AttentionOutput,

    /// <summary>The widening projection of the feed-forward network.</summary>
    Up,

    /// <summary>Its gate.</summary>
    Gate,

    /// <summary>Its narrowing projection.</summary>
    Down,
}
