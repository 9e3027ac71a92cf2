namespace Abi.Llm;

/// <summary>Code of yours that looks at a request's hidden states while they are computed, and may change them (<see cref="GenerationOptions.ActivationHooks"/>).</summary>
/// <remarks>
/// Called on threads that compute, for one request one call at a time: layer after layer, and in each the tokens of a step in the order of their positions. The whole step waits for
/// it. A request with hooks computes every token itself, and its state is nobody else's. A token is seen again when its state was given up for others and is computed anew, and
/// guessed tokens (<see cref="GenerationOptions.Speculation"/>) are seen before it is known whether they stay. What it throws fails its request alone.
/// </remarks>
public interface IActivationHook
{
    /// <summary>Whether it wants to be called at a point; asked often, and answered the same every time.</summary>
    bool Observes(ActivationPoint point);

    /// <summary>Looks at the hidden state of one token.</summary>
    /// <param name="point">Where.</param>
    /// <param name="position">The token's position in its text, from 0.</param>
    /// <param name="hiddenState">The hidden state, [width]: valid during the call; what is written to it is what the model goes on with.</param>
    void Process(ActivationPoint point, int position, Span<float> hiddenState);
}
