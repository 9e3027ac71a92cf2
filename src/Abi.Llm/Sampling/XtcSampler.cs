namespace Abi.Llm.Sampling;

/// <summary>"Exclude top choices": with a probability, of the tokens above a threshold only the least likely stays.</summary>
internal sealed class XtcSampler(float probability, float threshold, int minimumKept, MersenneTwister random) : Sampler
{
    private readonly float _threshold = Math.Max(threshold, float.Epsilon); // what cannot come is never what stays

    public override void Apply(Candidates candidates, ReadOnlySpan<int> history)
    {
        if (candidates.Count < 2 || random.NextSingle() > probability)
        {
            return;
        }

        var max = candidates.Max();
        var sum = (float)LogitKernels.SumExp(candidates.Logits, max);
        var selected = Math.Min(candidates.Count, 256); // at most 1 / threshold tokens reach the threshold
        while (true)
        {
            candidates.SelectTop(selected);
            if (selected == candidates.Count || MathF.Exp(candidates.TopLogit(selected - 1) - max) / sum < _threshold)
            {
                break;
            }

            selected = Math.Min(candidates.Count, selected * 16);
        }

        var last = 0;
        while (last + 1 < selected && MathF.Exp(candidates.TopLogit(last + 1) - max) / sum >= _threshold)
        {
            last++;
        }

        if (last > 0 && candidates.Count - last >= minimumKept)
        {
            candidates.DropTop(last);
        }
    }

    public override Sampler Clone() => new XtcSampler(probability, threshold, minimumKept, random.Clone());

    public override void WriteState(BinaryWriter writer) => random.WriteState(writer);

    public override void ReadState(BinaryReader reader) => random.ReadState(reader);
}
