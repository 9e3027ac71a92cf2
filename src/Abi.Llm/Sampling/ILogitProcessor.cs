namespace Abi.Llm.Sampling;

/// <summary>A caller's own code between the model and the samplers: it may change any logit; minus infinity forbids a token.</summary>
/// <remarks>Called on the engine's thread, once for each token of each sequence that carries it: be quick and do not block. One instance in several requests must be thread-safe.</remarks>
public interface ILogitProcessor
{
    /// <summary>Changes the logits of the next token.</summary>
    /// <param name="history">Every token of the sequence so far, the prompt first.</param>
    /// <param name="logits">One logit for each token of the vocabulary: [vocabulary].</param>
    void Process(ReadOnlySpan<int> history, Span<float> logits);
}
