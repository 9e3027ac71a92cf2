namespace Abi.Llm.Models;

/// <summary>How the vectors of tokens become the embedding of a text; the numbers are those of the key <c>pooling_type</c>.</summary>
public enum EmbeddingPooling
{
    /// <summary>A vector for each token.</summary>
    None = 0,

    /// <summary>The mean over all tokens.</summary>
    Mean = 1,

    /// <summary>The first token's vector.</summary>
    Cls = 2,

    /// <summary>The last token's vector.</summary>
    Last = 3,

    /// <summary>A score from the model's classification head.</summary>
    Rank = 4,
}
