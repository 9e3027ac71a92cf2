namespace Abi.Llm.Hosting;

/// <summary>What a model is wanted for.</summary>
public enum ModelPurpose
{
    /// <summary>Anything: the caller holds the model itself.</summary>
    Any,

    /// <summary>A chat.</summary>
    Chat,

    /// <summary>Embeddings.</summary>
    Embeddings,
}
