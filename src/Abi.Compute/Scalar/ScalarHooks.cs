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
                hook.Process(o.Point, step.Position(value, row), step[value].AsSpan(row * value.Width, value.Width));
            }
        }
    }
}
