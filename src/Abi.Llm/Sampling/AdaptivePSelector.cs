namespace Abi.Llm.Sampling;

/// <summary>
/// Adaptive-p: prefers tokens whose probability is near a target that moves so that the running mean of the chosen ones stays at the wanted value. The new logit is
/// <c>5 − 10 d² / (1 + d)</c> with <c>d = |p − target| / 0.3</c>.
/// </summary>
internal sealed class AdaptivePSelector : Selector
{
    private const float Peak = 5;
    private const float Sharpness = 10;
    private const float InverseWidth = 1 / 0.3f;
    private readonly float _target;
    private readonly float _decay;
    private readonly MersenneTwister _random;
    private float _weightedSum;
    private float _totalWeight;
    private float[] _original = []; // [candidates]

    public AdaptivePSelector(float target, float decay, MersenneTwister random)
    {
        _target = target;
        _decay = Math.Clamp(decay, 0, 0.99f);
        _random = random;
        _weightedSum = target / (1 - _decay);
        _totalWeight = 1 / (1 - _decay);
    }

    public override int Select(Candidates candidates)
    {
        candidates.Softmax();
        if (_target < 0)
        {
            return DistributionSelector.Draw(candidates.Probabilities, _random);
        }

        if (_original.Length < candidates.Count)
        {
            _original = new float[candidates.Count];
        }

        candidates.Probabilities.CopyTo(_original);
        var target = Math.Clamp(_target, 0, 1);
        var adapted = Math.Clamp(_totalWeight == 0 ? target : (2 * target) - (_weightedSum / _totalWeight), 0, 1);
        var logits = candidates.Logits;
        for (var i = 0; i < logits.Length; i++)
        {
            if (logits[i] > float.NegativeInfinity)
            {
                var distance = MathF.Abs((_original[i] - adapted) * InverseWidth);
                logits[i] = Peak - (Sharpness * distance * distance / (1 + distance));
            }
        }

        candidates.IsSorted = false;
        candidates.Softmax();
        var index = DistributionSelector.Draw(candidates.Probabilities, _random);
        _weightedSum = _original[index] + (_decay * _weightedSum);
        _totalWeight = 1 + (_decay * _totalWeight);
        return index;
    }

    public override Selector Clone() =>
        new AdaptivePSelector(_target, _decay, _random.Clone()) { _weightedSum = _weightedSum, _totalWeight = _totalWeight };

    public override void WriteState(BinaryWriter writer)
    {
        writer.Write(_weightedSum);
        writer.Write(_totalWeight);
        _random.WriteState(writer);
    }

    public override void ReadState(BinaryReader reader)
    {
        _weightedSum = ReadFinite(reader);
        _totalWeight = ReadFinite(reader);
        _random.ReadState(reader);
    }
}
