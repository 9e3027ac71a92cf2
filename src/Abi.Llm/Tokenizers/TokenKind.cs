namespace Abi.Llm.Tokenizers;

/// <summary>What a token is; the numbers are those of <c>tokenizer.ggml.token_type</c>.</summary>
public enum TokenKind
{
    /// <summary>Not stated.</summary>
    Undefined = 0,

    /// <summary>A piece of text.</summary>
    Normal = 1,

    /// <summary>Stands for text that the vocabulary cannot spell.</summary>
    Unknown = 2,

    /// <summary>Steers the model; its text is matched only when special text is parsed, and is not part of the output.</summary>
    Control = 3,

    /// <summary>A piece of text that is matched whole, before anything else.</summary>
    UserDefined = 4,

    /// <summary>A place in the table that is not used.</summary>
    Unused = 5,

    /// <summary>One byte.</summary>
    Byte = 6,
}
