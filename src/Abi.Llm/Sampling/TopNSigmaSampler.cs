namespace Abi.Llm.Sampling;

/// <summary>Keeps logits within n standard deviations of the best (paper: Tang et al. 2024).</summary>
internal sealed class TopNSigmaSampler(float n) : Sampler
{
    public override bool KeepsBest => true;

    public override void Apply(Candidates candidates, ReadOnlySpan<int> history)
    {
        var logits = candidates.Logits;
        if (logits.Length <= 1)
        {
            return;
        }

        double sum = 0;
        var valid = 0;
        foreach (var logit in logits)
        {
            if (logit > float.NegativeInfinity)
            {
                sum += logit;
                valid++;
            }
        }

        if (valid == 0)
        {
            return;
        }

        var mean = (float)(sum / valid);
        double squares = 0;
        foreach (var logit in logits)
        {
            if (logit > float.NegativeInfinity)
            {
                var difference = (double)(logit - mean);
                squares += difference * difference;
            }
        }

        candidates.KeepAtLeast(candidates.Max() - (n * (float)Math.Sqrt(squares / valid)));
    }
}
