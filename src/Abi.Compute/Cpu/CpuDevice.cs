using Abi.Compute.Cpu.Plans;
using Abi.Compute.Cpu.State;
using Abi.Compute.Cpu.Threading;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu;

/// <summary>The processor: vector kernels, weights in the layouts that they read fastest, and a team of threads.</summary>
/// <remarks>Thread-safe. Steps of its plans take turns: each has the whole team. A result is the same bits for any number of threads, of rows computed together, and for every instruction set.</remarks>
public sealed class CpuDevice : IDevice
{
    private static readonly Lazy<CpuDevice> Shared = new(static () => new CpuDevice());

    /// <summary>Starts the device's team.</summary>
    public CpuDevice(CpuOptions? options = null)
    {
        options ??= new CpuOptions();
        Team = new WorkerTeam(options.Threads);
    }

    /// <summary>The device that a process shares: models that are given none run on it. It is never disposed of.</summary>
    public static CpuDevice Default => Shared.Value;

    /// <inheritdoc/>
    public string Name => "cpu";

    /// <summary>The threads that compute. Others may lease them between steps.</summary>
    public WorkerTeam Team { get; }

    /// <inheritdoc/>
    public StepPlan Lower(Graph graph, LoweringOptions options)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(options);
        return new CpuLowering(graph, options, Team).Lower();
    }

    /// <inheritdoc/>
    public StateStore CreateState(StateLayout layout, StateOptions options)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(options);
        return new CpuState(layout, options);
    }

    /// <summary>Ends the team; plans that are left compute on their caller's thread. A second call does nothing; the shared device stays.</summary>
    public void Dispose()
    {
        if (!Shared.IsValueCreated || Shared.Value != this)
        {
            Team.Dispose();
        }
    }
}
