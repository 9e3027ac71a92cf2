using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Picks the experts of each row: [indices, weights].</summary>
internal sealed unsafe class RouteRow(RouteSettings settings, float* bias, Slot logits, Slot result) : RowOperation
{
    public override string Name => $"Route {settings.Used} of {settings.Experts}";

    public override int Cost => settings.Experts * (settings.Used + 8);

    public override int ScratchBytes => 3 * sizeof(float) * (settings.Experts + Lanes.Count);

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        var (experts, used) = (settings.Experts, settings.Used);
        var scores = (float*)frame.Scratch(worker);
        var selection = scores + experts;
        var sums = selection + experts; // of groups
        for (var row = first; row < end; row++)
        {
            Score(logits.Row(row), scores);
            for (var e = 0; e < experts; e++)
            {
                selection[e] = bias == null ? scores[e] : scores[e] + bias[e];
            }

            DropGroups(selection, sums);
            var y = result.Row(row);
            for (var i = 0; i < used; i++)
            {
                var best = 0;
                for (var e = 1; e < experts; e++)
                {
                    best = selection[e] > selection[best] ? e : best;
                }

                y[i] = best / settings.ExpertsPerChunk;
                y[used + i] = scores[best / settings.ExpertsPerChunk];
                selection[best] = float.NegativeInfinity;
            }

            Weigh(y + used);
        }
    }

    private void Score(float* x, float* scores)
    {
        switch (settings.Score)
        {
            case RouteScore.Softmax: NormKernels.Softmax(x, scores, settings.Experts); break;
            case RouteScore.Sigmoid: ElementKernels.Map(x, scores, settings.Experts, default(SigmoidLanes)); break;
            default: new ReadOnlySpan<float>(x, settings.Experts).CopyTo(new Span<float>(scores, settings.Experts)); break;
        }
    }

    /// <summary>Leaves only the groups whose two best scores have the greatest sums, the earlier of equal ones.</summary>
    private void DropGroups(float* selection, float* sums)
    {
        if (settings.Groups <= 1)
        {
            return;
        }

        var length = settings.Experts / settings.Groups;
        for (var group = 0; group < settings.Groups; group++)
        {
            var (best, second) = (float.NegativeInfinity, float.NegativeInfinity);
            for (var e = group * length; e < (group + 1) * length; e++)
            {
                if (selection[e] > best)
                {
                    (best, second) = (selection[e], best);
                }
                else if (selection[e] > second)
                {
                    second = selection[e];
                }
            }

            sums[group] = length > 1 ? best + second : best;
        }

        for (var group = 0; group < settings.Groups; group++)
        {
            var before = 0; // how many groups come first
            for (var other = 0; other < settings.Groups; other++)
            {
                before += sums[other] > sums[group] || (sums[other] == sums[group] && other < group) ? 1 : 0;
            }

            if (before >= settings.GroupsUsed)
            {
                new Span<float>(selection + (group * length), length).Fill(float.NegativeInfinity);
            }
        }
    }

    private void Weigh(float* weights)
    {
        if (settings.Score == RouteScore.SoftmaxOfChosen)
        {
            NormKernels.Softmax(weights, weights, settings.Used);
        }

        var sum = 0f;
        for (var i = 0; i < settings.Used; i++)
        {
            sum += weights[i];
        }

        for (var i = 0; i < settings.Used; i++)
        {
            weights[i] = (settings.Normalize ? weights[i] / MathF.Max(sum, settings.NormalizeFloor) : weights[i]) * settings.Scale;
        }
    }
}
