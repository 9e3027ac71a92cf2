using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Scalar;

/// <summary>
/// The plain reference: every operation of a graph as one clear loop, in the order of the graph, unfused and on one thread. Every other device is tested against it,
/// operation by operation.
/// </summary>
/// <remarks>Thread-safe; its plans and states are not.</remarks>
public sealed class ScalarDevice : IDevice
{
    /// <inheritdoc/>
    public string Name => "scalar";

    /// <inheritdoc/>
    public StepPlan Lower(Graph graph, LoweringOptions options)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(options);
        return new ScalarPlan(graph, options);
    }

    /// <inheritdoc/>
    public StateStore CreateState(StateLayout layout, StateOptions options)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(options);
        return new ScalarState(layout, options);
    }

    /// <summary>Nothing to free.</summary>
    public void Dispose()
    {
    }
}
