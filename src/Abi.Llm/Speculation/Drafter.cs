namespace Abi.Llm.Speculation;

/// <summary>Guesses how a text goes on.</summary>
/// <remarks>For one generation, on the engine's thread.</remarks>
internal abstract class Drafter : IDisposable
{
    /// <summary>Guesses the tokens after <paramref name="tokens"/>.</summary>
    /// <param name="tokens">Every token so far.</param>
    /// <param name="drafts">Receives the guesses, as many as there are.</param>
    /// <returns>How many there are; 0 when it has no idea.</returns>
    public abstract int Propose(ReadOnlySpan<int> tokens, Span<int> drafts);

    public abstract void Dispose();
}
