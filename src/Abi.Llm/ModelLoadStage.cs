namespace Abi.Llm;

/// <summary>The stages of loading a model, in order.</summary>
public enum ModelLoadStage
{
    /// <summary>The header is read and checked, the file mapped.</summary>
    Opening,

    /// <summary>The tokenizer's tables are made.</summary>
    Tokenizer,

    /// <summary>The weights are read from the disk.</summary>
    Weights,

    /// <summary>The graph is written and lowered, and room is made for the state.</summary>
    Preparing,

    /// <summary>Ready to generate.</summary>
    Ready,
}
