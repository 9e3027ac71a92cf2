using System.Collections.Immutable;
using Abi.Compute.Graphs;

namespace Abi.Compute.Hooks;

/// <summary>Writes a graph again with a call behind each of its points.</summary>
public static class HookedGraph
{
    /// <summary>The same graph, in which the operation that makes a point's value is followed by a <see cref="Hook"/>. Values keep their names and objects.</summary>
    public static Graph Create(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var points = graph.Points.ToLookup(point => point.Value);
        var operations = ImmutableArray.CreateBuilder<Operation>();
        foreach (var operation in graph.Operations)
        {
            operations.Add(operation);
            if (operation.Output is { } output)
            {
                operations.AddRange(points[output].Select(point => new Hook(point) { Block = operation.Block }));
            }
        }

        return new Graph(graph.Values, operations.ToImmutable(), graph.State, graph.Outputs, graph.Blocks, graph.Points);
    }
}
