namespace Abi.Llm.Sampling;

/// <summary>Mirostat 1 (paper: Basu et al. 2020): estimates the Zipf exponent from the best 100 tokens, keeps the k that give the target surprise, draws, and corrects.</summary>
internal sealed class MirostatSelector : Selector
{
    private const int Estimated = 100;
    private readonly int _vocabulary;
    private readonly float _tau;
    private readonly float _eta;
    private readonly MersenneTwister _random;
    private float _mu;

    public MirostatSelector(int vocabulary, float tau, float eta, MersenneTwister random)
    {
        (_vocabulary, _tau, _eta, _random, _mu) = (vocabulary, tau, eta, random, Bound(2 * tau));
    }

    public override int Select(Candidates candidates)
    {
        var max = candidates.Max();
        var sum = (float)LogitKernels.SumExp(candidates.Logits, max);
        var selected = Math.Min(candidates.Count, Estimated);
        candidates.SelectTop(selected);
        while (selected > 1 && float.IsNegativeInfinity(candidates.TopLogit(selected - 1)))
        {
            selected--; // what is forbidden says nothing about the model
        }

        var sumTb = 0f;
        var sumTt = 0f;
        for (var i = 0; i < selected - 1; i++)
        {
            var t = MathF.Log((i + 2f) / (i + 1f));
            var b = MathF.Log(MathF.Exp(candidates.TopLogit(i) - max) / sum / (MathF.Exp(candidates.TopLogit(i + 1) - max) / sum));
            sumTb += t * b;
            sumTt += t * t;
        }

        var s = sumTb / sumTt;
        var epsilon = s - 1;
        var k = MathF.Pow(epsilon * MathF.Pow(2, _mu) / (1 - MathF.Pow(_vocabulary, -epsilon)), 1 / s);

        // a k beyond 32 bits (a nearly flat estimate) means 1 in the reference, which then raises the bound again: followed, so that long-run surprise agrees
        candidates.KeepTop(k is >= 1 and < int.MaxValue ? Math.Min((int)k, candidates.Count) : 1);
        candidates.Softmax();
        var index = DistributionSelector.Draw(candidates.Probabilities, _random);
        _mu = Bound(_mu - (_eta * (-MathF.Log2(candidates.Probabilities[index]) - _tau)));
        return index;
    }

    public override Selector Clone() => new MirostatSelector(_vocabulary, _tau, _eta, _random.Clone()) { _mu = _mu };

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
