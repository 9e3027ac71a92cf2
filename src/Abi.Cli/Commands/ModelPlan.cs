using System.Collections.Immutable;
using Abi.Cli.Models;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Cli.Commands;

/// <summary>A graph, and what a device made of it.</summary>
internal sealed record ModelPlan(string Name, string Device, ImmutableArray<string> Graph, ImmutableArray<string> Stages, long ScratchBytes)
{
    /// <summary>Lowers a graph and describes both.</summary>
    public static ModelPlan Create(string name, Graph graph, IDevice device, LoweringOptions options)
    {
        using var plan = device.Lower(graph, options);
        return new ModelPlan(name, device.Name, [.. GraphText.Lines(graph)], [.. plan.Describe().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimEnd('\r'))], plan.ScratchBytes);
    }
}
