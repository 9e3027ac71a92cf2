using System.Text;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Scalar;

/// <summary>Runs the operations of a graph one after the other; every value has an array of its own.</summary>
internal sealed class ScalarPlan(Graph graph, LoweringOptions options) : StepPlan
{
    private readonly float[][] _values = [.. graph.Values.Select(_ => Array.Empty<float>())];
    private readonly int[] _rows = new int[graph.Values.Length];

    public override Graph Graph => graph;

    public override long ScratchBytes => _values.Sum(value => (long)value.Length * sizeof(float));

    public override void Run(StepInputs step, StateStore? state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(step);
        var scalarState = state as ScalarState;
        var current = new ScalarStep(step, scalarState, options.Activations, _values);
        foreach (var value in graph.Values)
        {
            _rows[value.Id] = current.Rows(value);
            var length = checked(_rows[value.Id] * value.Width);
            if (_values[value.Id].Length < length)
            {
                _values[value.Id] = new float[length];
            }
        }

        var block = int.MinValue;
        try
        {
            foreach (var operation in graph.Operations)
            {
                if (operation.Block != block)
                {
                    block = operation.Block;
                    cancellationToken.ThrowIfCancellationRequested();
                }

                Execute(operation, current);
            }
        }
        catch
        {
            scalarState?.Abandon();
            throw;
        }

        scalarState?.Commit();
    }

    public override ReadOnlySpan<float> Read(Value output)
    {
        ArgumentNullException.ThrowIfNull(output);
        return _values[output.Id].AsSpan(0, _rows[output.Id] * output.Width);
    }

    public override string Describe()
    {
        var text = new StringBuilder();
        foreach (var operation in graph.Operations)
        {
            text.Append(operation.Name).Append(": ").AppendJoin(", ", operation.Inputs.Select(input => input.Name)).Append(" → ").AppendLine(operation.Output?.ToString() ?? "state");
        }

        return text.ToString();
    }

    protected override void Dispose(bool disposing)
    {
    }

    private static void Execute(Operation operation, ScalarStep step)
    {
        switch (operation)
        {
            case Embed o: ScalarRows.Embed(o, step); break;
            case EmbedPositions o: ScalarRows.EmbedPositions(o, step); break;
            case EmbedConstant o: ScalarRows.EmbedConstant(o, step); break;
            case SelectOutputs o: ScalarRows.SelectOutputs(o, step); break;
            case Pool o: ScalarRows.Pool(o, step); break;
            case Slice o: ScalarRows.Slice(o, step); break;
            case Concatenate o: ScalarRows.Concatenate(o, step); break;
            case Repeat o: ScalarRows.Repeat(o, step); break;
            case MatMul o: ScalarProducts.MatMul(o, step); break;
            case Adapt o: ScalarAdapters.Adapt(o, step); break;
            case AdaptExperts o: ScalarAdapters.AdaptExperts(o, step); break;
            case AdaptEmbedding o: ScalarAdapters.AdaptEmbedding(o, step); break;
            case Hook o: ScalarHooks.Call(o, step); break;
            case GroupedMatMul o: ScalarProducts.GroupedMatMul(o, step); break;
            case Route o: ScalarExperts.Route(o, step); break;
            case ExpertMatMul o: ScalarExperts.MatMul(o, step); break;
            case ExpertScale o: ScalarExperts.Scale(o, step); break;
            case ExpertSum o: ScalarExperts.Sum(o, step); break;
            case RmsNorm o: ScalarNorms.RmsNorm(o, step); break;
            case LayerNorm o: ScalarNorms.LayerNorm(o, step); break;
            case L2Norm o: ScalarNorms.L2Norm(o, step); break;
            case Softmax o: ScalarNorms.Softmax(o, step); break;
            case Add o: ScalarElements.Add(o, step); break;
            case AddWeight o: ScalarElements.AddWeight(o, step); break;
            case Multiply o: ScalarElements.Multiply(o, step); break;
            case MultiplyWeight o: ScalarElements.MultiplyWeight(o, step); break;
            case Scale o: ScalarElements.Scale(o, step); break;
            case ScaleByPosition o: ScalarElements.ScaleByPosition(o, step); break;
            case Clamp o: ScalarElements.Clamp(o, step); break;
            case SoftCap o: ScalarElements.SoftCap(o, step); break;
            case Activate o: ScalarElements.Activate(o, step); break;
            case Gate o: ScalarElements.Gate(o, step); break;
            case Rope o: ScalarRope.Rotate(o, step); break;
            case Store o: ScalarAttention.Store(o, step); break;
            case Attend o: ScalarAttention.Attend(o, step); break;
            case AttendWithin o: ScalarAttention.AttendWithin(o, step); break;
            case Convolve o: ScalarScans.Convolve(o, step); break;
            case SelectiveScan o: ScalarScans.SelectiveScan(o, step); break;
            case HeadScan o: ScalarScans.HeadScan(o, step); break;
            case ShiftRows o: ScalarScans.ShiftRows(o, step); break;
            case Wkv6 o: ScalarScans.Wkv6(o, step); break;
            case Wkv7 o: ScalarScans.Wkv7(o, step); break;
            case DeltaScan o: ScalarScans.DeltaScan(o, step); break;
            case GatedLinearScan o: ScalarScans.GatedLinearScan(o, step); break;
            default: throw new NotSupportedException($"The scalar device does not know the operation {operation.Name}.");
        }
    }
}
