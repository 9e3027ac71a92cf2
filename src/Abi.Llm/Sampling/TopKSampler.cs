namespace Abi.Llm.Sampling;

/// <summary>Keeps the k best (paper: Fan et al. 2018).</summary>
internal sealed class TopKSampler(int k) : Sampler
{
    public override bool KeepsBest => true;

    public override void Apply(Candidates candidates, ReadOnlySpan<int> history) => candidates.KeepTop(k);
}
