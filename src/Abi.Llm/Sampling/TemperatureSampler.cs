namespace Abi.Llm.Sampling;

/// <summary>
/// Divides logits by a temperature. With a range, the temperature is <c>low + (high − low) × (entropy / ln count)^exponent</c>: confident steps become colder (paper idea:
/// Zhu et al. 2023, "entropy-based dynamic temperature"). Zero keeps only the best.
/// </summary>
internal sealed class TemperatureSampler(float temperature, float range, float exponent) : Sampler
{
    public override bool KeepsBest => true;

    public override void Apply(Candidates candidates, ReadOnlySpan<int> history)
    {
        var value = temperature;
        if (range > 0)
        {
            if (candidates.Count <= 1)
            {
                return;
            }

            var low = Math.Max(0, temperature - range);
            value = low + ((temperature + range - low) * MathF.Pow(NormalisedEntropy(candidates), exponent));
        }

        // next to nothing is like nothing: the best logit must stay a number
        if (value > 0 && float.IsFinite(candidates.Max() / value))
        {
            LogitKernels.Divide(candidates.Logits, value);
        }
        else
        {
            candidates.KeepTop(1);
        }
    }

    private static float NormalisedEntropy(Candidates candidates)
    {
        if (candidates.Count <= LogitKernels.SequentialLength)
        {
            candidates.Sort(); // the order of the sums is then the reference's
        }

        candidates.Softmax();
        var entropy = 0f;
        foreach (var probability in candidates.Probabilities)
        {
            entropy -= probability > 0 ? probability * MathF.Log(probability) : 0;
        }

        return entropy / -MathF.Log(1f / candidates.Count);
    }
}
