namespace Abi.Llm;

/// <summary>Where in a model hidden states can be looked at.</summary>
public enum ActivationPointKind
{
    /// <summary>What goes into the first layer: the token's embedding, scaled and normed as the model does.</summary>
    Embeddings,

    /// <summary>What a layer gives to the next one: the residual stream behind it.</summary>
    LayerOutput,

    /// <summary>What the logits are made of: the last layer's output behind the last norm, of tokens whose logits are wanted only.</summary>
    FinalNorm,
}
