namespace Abi.Llm.Sampling;

/// <summary>Keeps the tokens whose surprise is closest to the entropy until they hold probability p (paper: Meister et al. 2022).</summary>
internal sealed class TypicalSampler(float p, int minimumKept) : Sampler
{
    private float[] _scores = []; // [candidates]

    public override void Apply(Candidates candidates, ReadOnlySpan<int> history)
    {
        if (candidates.Count <= LogitKernels.SequentialLength)
        {
            candidates.Sort(); // the order of the sums is then the reference's
        }

        candidates.Softmax();
        var count = candidates.Count;
        if (_scores.Length < count)
        {
            _scores = new float[count];
        }

        var probabilities = candidates.Probabilities;
        var entropy = 0f;
        foreach (var probability in probabilities)
        {
            entropy -= probability * MathF.Log(probability);
        }

        for (var i = 0; i < count; i++)
        {
            // a probability of zero leaves the entropy undefined; the reference then keeps by falling probability, and so do we
            _scores[i] = float.IsNaN(entropy) ? -probabilities[i] : MathF.Abs(-MathF.Log(probabilities[i]) - entropy);
        }

        var scores = _scores.AsSpan(0, count);
        for (var selected = Math.Min(count, 256); ; selected = Math.Min(count, selected * 16))
        {
            candidates.SelectLowest(scores, selected);
            var total = 0f;
            for (var i = 0; i < selected; i++)
            {
                total += probabilities[candidates.LowestEntry(i)];
                if (total > p && i + 1 >= minimumKept)
                {
                    candidates.KeepLowest(scores, i + 1);
                    return;
                }
            }

            if (selected == count)
            {
                return;
            }
        }
    }

    public override Sampler Clone() => new TypicalSampler(p, minimumKept);
}
