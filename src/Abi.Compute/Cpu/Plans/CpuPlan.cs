using System.Diagnostics;
using System.Globalization;
using System.Text;
using Abi.Compute.Cpu.Products;
using Abi.Compute.Cpu.State;
using Abi.Compute.Cpu.Threading;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>A graph lowered to stages, each a dispatch of the team.</summary>
internal sealed unsafe class CpuPlan : StepPlan
{
    private readonly Stage[] _stages;
    private readonly RecurrentLayer[] _recurrent; // the layers that a step changes
    private readonly Slot?[] _outputs; // by value id
    private readonly StepFrame _frame;
    private readonly ScratchLayout _scratch;
    private readonly WeightVectors _vectors;
    private readonly IReadOnlyList<IDisposable> _owned;
    private readonly WorkerTeam _team;
    private readonly LoweringOptions _options;
    private int _rows; // that worker scratch is large enough for
    private bool _isDisposed;

    public CpuPlan(Graph graph, LoweringOptions options, WorkerTeam team, StepFrame frame, IReadOnlyList<Stage> stages, Slot?[] outputs, ScratchLayout scratch, WeightVectors vectors, IReadOnlyList<IDisposable> owned)
    {
        Graph = graph;
        _options = options;
        _team = team;
        _frame = frame;
        _stages = [.. stages];
        _recurrent = [.. stages.OfType<ScanStage>().Select(stage => stage.Layer)];
        _outputs = outputs;
        _scratch = scratch;
        _vectors = vectors;
        _owned = owned;
    }

    public override Graph Graph { get; }

    public override long ScratchBytes => _scratch.Bytes + _frame.ScratchBytes + _vectors.Bytes;

    /// <summary>The stages, in order.</summary>
    internal IReadOnlyList<Stage> Stages => _stages;

    /// <summary>The matrices that its products read.</summary>
    internal IEnumerable<ProductMatrix> Matrices => _owned.OfType<ProductMatrix>();

    /// <summary>When set, [stages]: the time that each has taken is added, in ticks of <see cref="Stopwatch"/>. For benchmarks.</summary>
    internal long[]? StageTicks { get; set; }

    public override void Run(StepInputs step, StateStore? state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(step);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (state is not null and not CpuState)
        {
            throw new ArgumentException($"A plan of the CPU device needs state that the CPU device made, not {state.GetType().Name}.", nameof(state));
        }

        _frame.Begin(step, (CpuState?)state);
        Reserve(step);
        using (var lease = _team.Lease())
        {
            var block = int.MinValue;
            for (var i = 0; i < _stages.Length; i++)
            {
                var stage = _stages[i];
                var start = StageTicks is null ? 0 : Stopwatch.GetTimestamp();
                if (stage.Block != block)
                {
                    block = stage.Block;
                    cancellationToken.ThrowIfCancellationRequested();
                }

                var chunks = stage.Prepare();
                if (chunks == 1)
                {
                    stage.Execute(0, 0);
                }
                else
                {
                    lease.Run(stage, chunks);
                }

                if (StageTicks is { } ticks)
                {
                    ticks[i] += Stopwatch.GetTimestamp() - start;
                }
            }
        }

        foreach (var layer in _recurrent)
        {
            foreach (var sequence in step.Sequences)
            {
                _frame.State.Commit(layer, sequence.Slot);
            }
        }
    }

    public override ReadOnlySpan<float> Read(Value output)
    {
        ArgumentNullException.ThrowIfNull(output);
        var slot = _outputs[output.Id] ?? throw new ArgumentException($"'{output.Name}' is not an output of the graph: only outputs keep their memory.", nameof(output));
        return new ReadOnlySpan<float>(slot.Row(0), checked(_frame.Rows(output.Rows) * output.Width));
    }

    public override string Describe()
    {
        var text = new StringBuilder();
        for (var i = 0; i < _stages.Length; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{i,4}  ");
            text.Append(_stages[i].Block >= 0 ? string.Create(CultureInfo.InvariantCulture, $"block {_stages[i].Block,3}  ") : "           ");
            text.AppendLine(_stages[i].Describe());
        }

        return text.ToString();
    }

    protected override void Dispose(bool disposing)
    {
        if (_isDisposed || !disposing)
        {
            return; // native buffers have finalizers of their own
        }

        _isDisposed = true;
        foreach (var owned in _owned)
        {
            owned.Dispose();
        }

        _scratch.Dispose();
        _vectors.Dispose();
        _frame.Dispose();
    }

    private void Reserve(StepInputs step)
    {
        _scratch.Reserve(
            Math.Max(step.RowCount, _options.MaximumRows), Math.Max(step.OutputCount, _options.MaximumOutputs), Math.Max(step.SequenceCount, _options.MaximumSequences));
        var rows = Math.Max(Math.Max(step.RowCount, step.OutputCount), Math.Max(_options.MaximumRows, _options.MaximumOutputs));
        if (rows > _rows)
        {
            long bytes = 64;
            foreach (var stage in _stages)
            {
                bytes = Math.Max(bytes, stage.WorkerScratchBytes(rows));
            }

            _frame.ReserveScratch(bytes);
            _rows = rows;
        }
    }
}
