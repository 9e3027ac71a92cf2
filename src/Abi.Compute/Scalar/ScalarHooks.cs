using Abi.Compute.Graphs;

namespace Abi.Compute.Scalar;

/// <summary>Calls hooks, row by row.</summary>
internal static class ScalarHooks
{
    public static void Call(Hook o, ScalarStep step)
    {
        var value = o.Point.Value;
        for (var row = 0; row < step.Rows(value); row++)
        {
            if (step.Sequence(value, row).Hook is { } hook && hook.Observes(o.Point))
            {
                var token = value.Rows == RowSpace.Outputs ? step.Inputs.OutputRows[row] : row;
                hook.Process(o.Point, step.Inputs.Positions[token], step[value].AsSpan(row * value.Width, value.Width));
            }
        }
    }
}
