namespace Abi.Llm.Sampling;

/// <summary>Masks logits further than n standard deviations below the best (paper: Tang et al. 2024). They still count for who asks how many there are, as in llama.cpp: a dynamic temperature.</summary>
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

        var least = candidates.Max() - (n * (float)Math.Sqrt(squares / valid));
        foreach (ref var logit in logits)
        {
            logit = logit < least ? float.NegativeInfinity : logit;
        }
    }
}
