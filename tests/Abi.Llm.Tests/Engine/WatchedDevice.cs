using Abi.Compute.Devices;
using Abi.Compute.Graphs;
using Abi.Compute.Scalar;

namespace Abi.Llm.Tests.Engine;

/// <summary>The plain device, which tells before and after each step.</summary>
internal sealed class WatchedDevice : IDevice
{
    private readonly ScalarDevice _device = new();

    public string Name => _device.Name;

    /// <summary>Called before every step, with what abandons it.</summary>
    public Action<CancellationToken>? OnRun { get; set; }

    /// <summary>Called after every step, with the graph that was run.</summary>
    public Action<Graph>? OnRan { get; set; }

    /// <summary>Called before what a step computed is read.</summary>
    public Action? OnRead { get; set; }

    /// <summary>Called when a plan is disposed of: what it computed is gone.</summary>
    public Action? OnDisposed { get; set; }

    public StepPlan Lower(Graph graph, LoweringOptions options) => new Plan(this, _device.Lower(graph, options));

    public StateStore CreateState(StateLayout layout, StateOptions options) => _device.CreateState(layout, options);

    public void Dispose() => _device.Dispose();

    private sealed class Plan(WatchedDevice device, StepPlan plan) : StepPlan
    {
        public override Graph Graph => plan.Graph;

        public override long ScratchBytes => plan.ScratchBytes;

        public override void Run(StepInputs step, StateStore? state, CancellationToken cancellationToken = default)
        {
            device.OnRun?.Invoke(cancellationToken);
            plan.Run(step, state, cancellationToken);
            device.OnRan?.Invoke(Graph);
        }

        public override ReadOnlySpan<float> Read(Value output)
        {
            device.OnRead?.Invoke();
            return plan.Read(output);
        }

        public override string Describe() => plan.Describe();

        protected override void Dispose(bool disposing)
        {
            device.OnDisposed?.Invoke();
            plan.Dispose();
        }
    }
}
