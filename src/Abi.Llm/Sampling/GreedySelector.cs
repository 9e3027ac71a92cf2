namespace Abi.Llm.Sampling;

/// <summary>Picks the best candidate; the lowest entry among equals.</summary>
internal sealed class GreedySelector : Selector
{
    public override int Select(Candidates candidates) => candidates.IsSorted ? 0 : Math.Max(0, candidates.IndexOfMax());

    public override Selector Clone() => this;

    public override void WriteState(BinaryWriter writer)
    {
    }

    public override void ReadState(BinaryReader reader)
    {
    }
}
