using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>Calls the hooks of a point: the rows of a sequence are a chunk, in the order of their positions.</summary>
internal sealed unsafe class HookStage(StepFrame frame, int block, GraphPoint point, Slot rows) : Stage(frame, block)
{
    public override int Prepare()
    {
        foreach (var sequence in Frame.Inputs.Sequences)
        {
            if (sequence.Hook?.Observes(point) == true)
            {
                return Frame.Inputs.SequenceCount;
            }
        }

        return 0;
    }

    public override void Execute(int chunk, int worker)
    {
        var inputs = Frame.Inputs;
        if (inputs.Sequences[chunk].Hook is not { } hook || !hook.Observes(point))
        {
            return;
        }

        for (var row = 0; row < Frame.Rows(rows.Rows); row++)
        {
            var token = inputs.TokenRow(rows.Rows, row);
            if (inputs.RowSequences[token] == chunk)
            {
                hook.Process(point, inputs.Positions[token], new Span<float>(rows.Row(row), rows.Width));
            }
        }
    }

    public override string Describe() => $"hook {point.Name}: {rows.Name}";
}
