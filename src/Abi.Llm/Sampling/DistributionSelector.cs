namespace Abi.Llm.Sampling;

/// <summary>Draws from the softmax of the candidates.</summary>
internal sealed class DistributionSelector(MersenneTwister random) : Selector
{
    public override int Select(Candidates candidates)
    {
        var draw = random.NextDouble(); // one draw a token, also when there is no choice
        if (candidates.Count == 1)
        {
            return 0;
        }

        LogitKernels.Exp(candidates.Logits, candidates.Max(), candidates.Probabilities);
        var weights = candidates.Probabilities;
        double sum = 0;
        foreach (var weight in weights)
        {
            sum += weight;
        }

        var target = sum * draw;
        double running = 0;
        for (var i = 0; i < weights.Length; i++)
        {
            running += weights[i];
            if (running >= target && weights[i] > 0)
            {
                return i;
            }
        }

        return LogitKernels.IndexOfMax(candidates.Logits);
    }

    public override Selector Clone() => new DistributionSelector(random.Clone());

    public override void WriteState(BinaryWriter writer) => random.WriteState(writer);

    public override void ReadState(BinaryReader reader) => random.ReadState(reader);

    /// <summary>Draws an index by probabilities that sum to 1, as the reference's discrete distribution does.</summary>
    public static int Draw(ReadOnlySpan<float> probabilities, MersenneTwister random)
    {
        if (probabilities.Length < 2)
        {
            return 0; // no draw, like the reference
        }

        double sum = 0;
        foreach (var probability in probabilities)
        {
            sum += probability;
        }

        var target = random.NextDouble();
        double running = 0;
        for (var i = 0; i < probabilities.Length - 1; i++)
        {
            running += probabilities[i] / sum;
            if (running >= target && probabilities[i] > 0)
            {
                return i;
            }
        }

        return probabilities.Length - 1;
    }
}
