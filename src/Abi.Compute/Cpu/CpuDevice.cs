using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.State;
using Abi.Compute.Cpu.Threading;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;
using Abi.Compute.Telemetry;
using Microsoft.Extensions.Logging;

namespace Abi.Compute.Cpu;

/// <summary>The processor: vector kernels, weights in the layouts that they read fastest, and a team of threads.</summary>
/// <remarks>Thread-safe. Steps of its plans take turns: each has the whole team. A result is the same bits for any number of threads, of rows computed together, and for every instruction set.</remarks>
public sealed class CpuDevice : IDevice
{
    private static readonly Lazy<CpuDevice> Shared = new(static () => new CpuDevice());
    private int _isLogged;

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
        var plan = new CpuLowering(graph, options, Team).Lower();
        if (options.Logger is { } logger && logger.IsEnabled(LogLevel.Warning))
        {
            Log(plan, logger);
        }

        return plan;
    }

    /// <inheritdoc/>
    public StateStore CreateState(StateLayout layout, StateOptions options)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(options);
        return new CpuState(layout, options);
    }

    private void Log(CpuPlan plan, ILogger logger)
    {
        if (Interlocked.Exchange(ref _isLogged, 1) == 0)
        {
            ComputeLog.Started(logger, Team.Threads, Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128, Emitter.Path ?? "none");
            if (ProcessorFeatures.IsCompiledForLess)
            {
                ComputeLog.CompiledForLess(logger);
            }
        }

        foreach (var use in plan.Matrices.CountBy(static matrix => matrix.Kernels)) // which makes the kernels that are missing
        {
            ComputeLog.Lowered(logger, plan.Graph.Operations.Length, plan.Stages.Count, use.Value, use.Key);
        }

        foreach (var made in Emitter.Outcomes.Where(static made => made.Outcome != EmissionOutcome.Used))
        {
            ComputeLog.NotEmitted(logger, made.Kernel, made.Format, made.Outcome);
        }
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
