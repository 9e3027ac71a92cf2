namespace Abi.Llm.Sampling;

/// <summary>One link of a chain: it changes, drops or reorders candidates.</summary>
internal abstract class Sampler
{
    /// <summary>Whether the best candidate always survives as the best: such a link can be left out of a greedy chain.</summary>
    public virtual bool KeepsBest => false;

    /// <summary>Works on the candidates of the next token.</summary>
    /// <param name="candidates">Never empty before, never empty after.</param>
    /// <param name="history">All tokens of the sequence so far.</param>
    public abstract void Apply(Candidates candidates, ReadOnlySpan<int> history);

    /// <summary>A copy that goes on from here on its own.</summary>
    public virtual Sampler Clone() => this;

    /// <summary>Writes what <see cref="ReadState"/> needs to go on from here; nothing for a link that remembers nothing.</summary>
    public virtual void WriteState(BinaryWriter writer)
    {
    }

    /// <summary>Goes on from where the writer was.</summary>
    public virtual void ReadState(BinaryReader reader)
    {
    }
}
