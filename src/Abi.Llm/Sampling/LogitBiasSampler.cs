using System.Collections.Immutable;

namespace Abi.Llm.Sampling;

/// <summary>Adds a constant to the logits of single tokens.</summary>
internal sealed class LogitBiasSampler(ImmutableDictionary<int, float> bias) : Sampler
{
    private readonly KeyValuePair<int, float>[] _bias = [.. bias];

    public override void Apply(Candidates candidates, ReadOnlySpan<int> history)
    {
        foreach (var (id, value) in _bias)
        {
            var entry = candidates.Find(id);
            if (entry >= 0)
            {
                candidates.SetLogit(entry, candidates.Logit(entry) + value);
            }
        }

        candidates.IsSorted = false;
    }
}
