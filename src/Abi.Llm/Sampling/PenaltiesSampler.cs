namespace Abi.Llm.Sampling;

/// <summary>
/// Penalties on tokens of the last <paramref name="window"/>: repetition divides positive logits and multiplies others (paper: Keskar et al. 2019, mended for negative
/// logits), once for each distinct token; frequency counts occurrences, presence does not.
/// </summary>
internal sealed class PenaltiesSampler(int window, float repetition, float frequency, float presence) : Sampler
{
    private readonly Dictionary<int, int> _counts = new(Math.Clamp(window, 0, 1024));

    public override void Apply(Candidates candidates, ReadOnlySpan<int> history)
    {
        _counts.Clear();
        foreach (var id in history[Math.Max(0, history.Length - window)..])
        {
            System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_counts, id, out _)++;
        }

        if (candidates.IsWhole)
        {
            foreach (var (id, count) in _counts)
            {
                if ((uint)id < (uint)candidates.Count)
                {
                    candidates.SetLogit(id, Penalise(candidates.Logit(id), count));
                }
            }
        }
        else
        {
            var logits = candidates.Logits;
            for (var i = 0; i < logits.Length; i++)
            {
                if (_counts.TryGetValue(candidates.Id(i), out var count))
                {
                    logits[i] = Penalise(logits[i], count);
                }
            }
        }

        candidates.IsSorted = false;
    }

    public override Sampler Clone() => new PenaltiesSampler(window, repetition, frequency, presence);

    private float Penalise(float logit, int count)
    {
        logit = logit <= 0 ? logit * repetition : logit / repetition;
        return logit - ((count * frequency) + presence);
    }
}
