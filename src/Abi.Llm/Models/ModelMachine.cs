namespace Abi.Llm.Models;

/// <summary>Which writer makes an architecture's graph.</summary>
internal enum ModelMachine
{
    /// <summary>Blocks of attention or a recurrence, and a feed-forward network, with norms before each part: <see cref="DecoderWriter"/>.</summary>
    Decoder,

    /// <summary>The same without a causal mask and without logits: encoders with norms before each part.</summary>
    PreNormEncoder,

    /// <summary>BERT's encoder, with norms behind each sum: <see cref="BertWriter"/>.</summary>
    Bert,

    /// <summary>T5's encoder and decoder: <see cref="T5Writer"/>.</summary>
    T5,

    /// <summary>T5's encoder alone.</summary>
    T5Encoder,
}
