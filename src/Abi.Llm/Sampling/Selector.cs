namespace Abi.Llm.Sampling;

/// <summary>The last link of a chain: it picks the token.</summary>
internal abstract class Selector
{
    /// <summary>The index of the chosen candidate.</summary>
    public abstract int Select(Candidates candidates);

    /// <summary>A copy that goes on from here on its own.</summary>
    public abstract Selector Clone();
}
