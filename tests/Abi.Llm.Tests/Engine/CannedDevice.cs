using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Llm.Tests.Engine;

/// <summary>A device whose logits are a fixed function of a row's id and position: for tests of the engine alone.</summary>
internal sealed class CannedDevice : IDevice
{
    public string Name => "canned";

    /// <summary>Called at the start of every step.</summary>
    public Action<StepInputs, CancellationToken>? OnRun { get; set; }

    public StepPlan Lower(Graph graph, LoweringOptions options) => new Plan(this, graph, options);

    public StateStore CreateState(StateLayout layout, StateOptions options) => new State(layout, options);

    public void Dispose()
    {
    }

    private sealed class Plan(CannedDevice device, Graph graph, LoweringOptions options) : StepPlan
    {
        private readonly float[] _logits = new float[options.MaximumOutputs * graph.Find("logits")!.Width];
        private int _outputs;

        public override Graph Graph => graph;

        public override long ScratchBytes => _logits.Length * sizeof(float);

        public override void Run(StepInputs step, StateStore? state, CancellationToken cancellationToken = default)
        {
            device.OnRun?.Invoke(step, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            if (step.RowCount > options.MaximumRows || step.OutputCount > options.MaximumOutputs || step.SequenceCount > options.MaximumSequences)
            {
                throw new InvalidOperationException("The step is larger than the plan.");
            }

            _outputs = step.OutputCount;
            var width = _logits.Length / options.MaximumOutputs;
            for (var output = 0; output < _outputs; output++)
            {
                var row = step.OutputRows[output];
                var x = (uint)((step.Ids[row] * 7919) + (step.Positions[row] * 104729) + 1);
                for (var i = 0; i < width; i++)
                {
                    x = (x * 1664525) + 1013904223;
                    _logits[(output * width) + i] = (x >> 8) * (8f / (1 << 24));
                }
            }
        }

        public override ReadOnlySpan<float> Read(Value output) => _logits.AsSpan(0, _outputs * output.Width);

        public override string Describe() => "canned";

        protected override void Dispose(bool disposing)
        {
        }
    }

    private sealed class State(StateLayout layout, StateOptions options) : StateStore
    {
        public override StateLayout Layout => layout;

        public override StateOptions Options => options;

        public override long PageBytes => 1;

        public override long SlotBytes => 1;

        public override void CopyPage(int from, int to)
        {
        }

        public override void CopySlot(int from, int to)
        {
        }

        public override void ClearSlot(int slot)
        {
        }

        public override void ReadPage(int page, Span<byte> destination)
        {
        }

        public override void WritePage(int page, ReadOnlySpan<byte> source)
        {
        }

        public override void ReadSlot(int slot, Span<byte> destination)
        {
        }

        public override void WriteSlot(int slot, ReadOnlySpan<byte> source)
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
