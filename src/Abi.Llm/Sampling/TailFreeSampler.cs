namespace Abi.Llm.Sampling;

/// <summary>
/// Cuts the tail where the sorted probabilities stop bending (Phénix and Egan 2019, "A new way to sample from language models", by T. Bricken): of the absolute second
/// differences, normalised to 1, the running sum decides; rank r + 1, the centre of difference r, is dropped once the sum up to r exceeds z. The best is always kept.
/// </summary>
internal sealed class TailFreeSampler(float z, int minimumKept) : Sampler
{
    public override bool KeepsBest => true;

    public override void Apply(Candidates candidates, ReadOnlySpan<int> history)
    {
        if (candidates.Count < 3)
        {
            return;
        }

        var max = candidates.Max();
        var sum = LogitKernels.SumExp(candidates.Logits, max);
        for (var selected = Math.Min(candidates.Count, 256); ; selected = Math.Min(candidates.Count, selected * 16))
        {
            candidates.SelectTop(selected);
            var last = Probability(selected - 1);

            // What lies beyond can bend by at most twice the last probability: once that is below rounding, it cannot move the cut.
            if (selected < candidates.Count && last > 1e-9)
            {
                continue;
            }

            double bend = 0;
            for (var r = 0; r + 2 < selected; r++)
            {
                bend += Bend(r);
            }

            var kept = selected;
            if (bend > 0)
            {
                double running = 0;
                for (var r = 0; r + 2 < selected; r++)
                {
                    running += Bend(r);
                    if (running / bend > z)
                    {
                        kept = r + 1;
                        break;
                    }
                }
            }
            else
            {
                return; // a straight line has no tail
            }

            candidates.AdoptTop(Math.Clamp(Math.Max(kept, minimumKept), 1, selected));
            return;
        }

        double Probability(int rank) => Math.Exp(candidates.TopLogit(rank) - (double)max) / sum;

        double Bend(int r) => Math.Abs(Probability(r) - (2 * Probability(r + 1)) + Probability(r + 2));
    }
}
