using Abi.Compute.Graphs;

namespace Abi.Compute.Devices;

/// <summary>Something that computes: it lowers graphs to step plans and keeps their state.</summary>
/// <remarks>Thread-safe.</remarks>
public interface IDevice : IDisposable
{
    /// <summary>The device's name, as <c>abi info</c> prints it.</summary>
    string Name { get; }

    /// <summary>Chooses kernels, fuses, splits and places: the graph becomes a plan that can be replayed for any number of rows.</summary>
    StepPlan Lower(Graph graph, LoweringOptions options);

    /// <summary>Makes the state that plans of this device read and write.</summary>
    /// <exception cref="AbiException">There is not enough memory.</exception>
    StateStore CreateState(StateLayout layout, StateOptions options);
}
