using Abi.Compute.Cpu.Plans;
using Abi.Compute.Graphs;
using Abi.Compute.Scalar;

namespace Abi.Compute.Cpu.Rows;

/// <summary>
/// Cosines and sines of the rows' positions, made once a step for all layers with the same settings. A row is [cosines, sines]; for neighbouring pairs each stands twice, the
/// first sine negated.
/// </summary>
internal sealed unsafe class RopeTable(RopeSettings settings, float[] factors, Slot result) : RowOperation
{
    public override string Name => "Rope table";

    public override int Cost => 40 * settings.Rotated;

    public override int ScratchBytes => settings.Rotated * sizeof(float);

    /// <summary>The floats of a row of the table, the cosines' half first.</summary>
    public static int Width(RopeSettings settings) => 2 * Half(settings);

    /// <summary>The floats before the sines.</summary>
    public static int Half(RopeSettings settings) => settings.Pairing == RopePairing.Neighbours ? settings.Rotated : settings.Rotated / 2;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        var pairs = settings.Rotated / 2;
        var cosines = new Span<float>(frame.Scratch(worker), pairs);
        var sines = new Span<float>((float*)frame.Scratch(worker) + pairs, pairs);
        for (var row = first; row < end; row++)
        {
            ScalarRope.Angles(settings, factors, frame.Inputs.Positions[frame.Inputs.TokenRow(result.Rows, row)], cosines, sines);
            var c = result.Row(row);
            var s = result.Row(row) + Half(settings);
            for (var i = 0; i < pairs; i++)
            {
                if (settings.Pairing == RopePairing.Neighbours)
                {
                    c[2 * i] = c[(2 * i) + 1] = cosines[i];
                    s[2 * i] = -sines[i];
                    s[(2 * i) + 1] = sines[i];
                }
                else
                {
                    c[i] = cosines[i];
                    s[i] = sines[i];
                }
            }
        }
    }
}
