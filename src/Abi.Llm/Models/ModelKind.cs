namespace Abi.Llm.Models;

/// <summary>What a model does with its input.</summary>
public enum ModelKind
{
    /// <summary>Continues a text.</summary>
    Decoder,

    /// <summary>Turns a text into vectors.</summary>
    Encoder,

    /// <summary>Reads one text and writes another.</summary>
    EncoderDecoder,
}
