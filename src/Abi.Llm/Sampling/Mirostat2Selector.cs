namespace Abi.Llm.Sampling;

/// <summary>Mirostat 2 (paper: Basu et al. 2020): cuts tokens whose surprise is above the running bound, draws, and corrects the bound.</summary>
internal sealed class Mirostat2Selector : Selector
{
    private readonly float _tau;
    private readonly float _eta;
    private readonly MersenneTwister _random;
    private float _mu;

    public Mirostat2Selector(float tau, float eta, MersenneTwister random)
    {
        (_tau, _eta, _random, _mu) = (tau, eta, random, Bound(2 * tau));
    }

    public override int Select(Candidates candidates)
    {
        var max = candidates.Max();
        var sum = (float)LogitKernels.SumExp(candidates.Logits, max);

        // -log2 p > mu falls below this logit: one pass drops what surely goes, the exact rule then cuts the sorted rest
        candidates.KeepAtLeast(Math.Min(max, max + MathF.Log(sum) - (_mu * 0.6931472f) - 1e-3f));
        candidates.Sort();
        var kept = 0;
        while (kept < candidates.Count && !(-MathF.Log2(MathF.Exp(candidates.Logits[kept] - max) / sum) > _mu))
        {
            kept++;
        }

        candidates.KeepFirst(kept);
        candidates.Softmax();
        var index = DistributionSelector.Draw(candidates.Probabilities, _random);
        _mu = Bound(_mu - (_eta * (-MathF.Log2(candidates.Probabilities[index]) - _tau)));
        return index;
    }

    public override Selector Clone() => new Mirostat2Selector(_tau, _eta, _random.Clone()) { _mu = _mu };

    public override void WriteState(BinaryWriter writer)
    {
        writer.Write(_mu);
        _random.WriteState(writer);
    }

    public override void ReadState(BinaryReader reader)
    {
        _mu = ReadFinite(reader);
        _random.ReadState(reader);
    }
}
