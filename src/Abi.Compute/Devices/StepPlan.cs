using Abi.Compute.Graphs;

namespace Abi.Compute.Devices;

/// <summary>A lowered graph: the same stages, replayed for every step.</summary>
/// <remarks>Not thread-safe: one step at a time. Running allocates nothing on the managed heap.</remarks>
public abstract class StepPlan : IDisposable
{
    /// <summary>The graph that was lowered.</summary>
    public abstract Graph Graph { get; }

    /// <summary>The bytes of scratch that the plan holds.</summary>
    public abstract long ScratchBytes { get; }

    /// <summary>Runs one step.</summary>
    /// <param name="step">What the step reads: ids, positions, pages.</param>
    /// <param name="state">The state it reads and writes; may be null for a graph without state.</param>
    /// <param name="cancellationToken">Looked at before every block.</param>
    /// <exception cref="OperationCanceledException">The step was abandoned: state written by it is stale, state from before it is intact.</exception>
    /// <remarks>Recurrent state is committed only by a step that ends; a cancelled one leaves it as it was.</remarks>
    public abstract void Run(StepInputs step, StateStore? state, CancellationToken cancellationToken = default);

    /// <summary>An output of the graph after a step: [rows, width], row after row; valid until the next step.</summary>
    public abstract ReadOnlySpan<float> Read(Value output);

    /// <summary>What the device made of the graph, a line each stage.</summary>
    public abstract string Describe();

    /// <summary>Frees scratch; a second call does nothing.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees scratch.</summary>
    protected abstract void Dispose(bool disposing);
}
