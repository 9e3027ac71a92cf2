namespace Abi.Llm.Sampling;

/// <summary>Keeps the fewest best tokens that together hold probability p (paper: Holtzman et al. 2019).</summary>
internal sealed class TopPSampler(float p, int minimumKept) : Sampler
{
    public override bool KeepsBest => true;

    public override void Apply(Candidates candidates, ReadOnlySpan<int> history)
    {
        var max = candidates.Max();
        var sum = (float)LogitKernels.SumExp(candidates.Logits, max);
        if (candidates.IsSorted)
        {
            var total = 0f;
            var logits = candidates.Logits;
            for (var i = 0; i < logits.Length; i++)
            {
                total += MathF.Exp(logits[i] - max) / sum;
                if (total >= p && i + 1 >= minimumKept)
                {
                    candidates.KeepTop(i + 1);
                    return;
                }
            }

            return;
        }

        // The best few hundred nearly always hold enough; more are looked at only when they do not.
        for (var selected = Math.Min(candidates.Count, 256); ; selected = Math.Min(candidates.Count, selected * 16))
        {
            candidates.SelectTop(selected);
            var total = 0f;
            for (var i = 0; i < selected; i++)
            {
                total += MathF.Exp(candidates.TopLogit(i) - max) / sum;
                if (total >= p && i + 1 >= minimumKept)
                {
                    candidates.AdoptTop(i + 1);
                    return;
                }
            }

            if (selected == candidates.Count)
            {
                candidates.AdoptTop(selected);
                return;
            }
        }
    }
}
