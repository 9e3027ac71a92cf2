using System.Collections.Immutable;
using Abi.Compute.Graphs;

namespace Abi.Compute.Adapters;

/// <summary>Writes a graph again with a place for adapters behind every matrix product.</summary>
public static class AdaptedGraph
{
    /// <summary>The same graph, in which each <see cref="MatMul"/> is followed by an <see cref="Adapt"/>. Outputs keep their names and objects.</summary>
    public static Graph Create(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var values = graph.Values.ToBuilder();
        var operations = ImmutableArray.CreateBuilder<Operation>();
        foreach (var operation in graph.Operations)
        {
            if (operation is not MatMul product)
            {
                operations.Add(operation);
                continue;
            }

            var result = product.Result;
            var plain = new Value(values.Count, $"{result.Name}.unadapted", result.Rows, result.Width, result.Block);
            values.Add(plain);
            operations.Add(new MatMul(product.X, product.Weight, product.Bias, plain) { Block = product.Block });
            operations.Add(new Adapt(product.X, plain, product.Weight, result) { Block = product.Block });
        }

        return new Graph(values.ToImmutable(), operations.ToImmutable(), graph.State, graph.Outputs, graph.Blocks, graph.Points);
    }
}
