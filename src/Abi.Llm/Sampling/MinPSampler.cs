namespace Abi.Llm.Sampling;

/// <summary>Keeps tokens with at least the share p of the best one's probability (paper: Nguyen et al. 2024).</summary>
internal sealed class MinPSampler(float p, int minimumKept) : Sampler
{
    public override bool KeepsBest => true;

    public override void Apply(Candidates candidates, ReadOnlySpan<int> history)
    {
        var threshold = candidates.Max() + MathF.Log(p);
        var (above, least) = (candidates.CountAtLeast(threshold), Math.Max(minimumKept, 1));
        if (above < least || candidates.IsSorted)
        {
            candidates.KeepTop(Math.Max(above, least));
        }
        else
        {
            candidates.KeepAtLeast(threshold);
        }
    }
}
