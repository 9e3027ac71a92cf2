using System.Collections.Immutable;
using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Compute.Adapters;

/// <summary>Writes a graph again with a place for adapters behind every product with a matrix or with experts' matrices, and behind token embeddings.</summary>
public static class AdaptedGraph
{
    /// <summary>
    /// The same graph, in which each <see cref="MatMul"/> is followed by an <see cref="Adapt"/>, each <see cref="ExpertMatMul"/> by an <see cref="AdaptExperts"/> and each
    /// <see cref="Embed"/> by an <see cref="AdaptEmbedding"/>. A product with a table of embeddings (a tied output) stays as it is: a change of a table is one of what is looked up. Outputs
    /// keep their names and objects.
    /// </summary>
    public static Graph Create(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var tables = Tables(graph);
        var values = graph.Values.ToBuilder();
        var operations = ImmutableArray.CreateBuilder<Operation>();
        foreach (var operation in graph.Operations)
        {
            if (FindTarget(tables, operation) is null)
            {
                operations.Add(operation);
                continue;
            }

            var result = operation.Output!;
            var plain = new Value(values.Count, $"{result.Name}.unadapted", result.Rows, result.Width, result.Block);
            values.Add(plain);
            (Operation Plain, Operation Change) pair = operation switch
            {
                MatMul o => (new MatMul(o.X, o.Weight, o.Bias, plain), new Adapt(o.X, plain, o.Weight, result)),
                ExpertMatMul o => (new ExpertMatMul(o.X, o.Route, o.Weight, o.Bias, plain), new AdaptExperts(o.X, plain, o.Route, o.Weight, result)),
                Embed o => (new Embed(o.Table, plain), new AdaptEmbedding(plain, o.Table, result)),
                _ => throw new NotSupportedException($"The operation {operation.Name} has no place for adapters."),
            };
            operations.Add(pair.Plain with { Block = operation.Block });
            operations.Add(pair.Change with { Block = operation.Block });
        }

        return new Graph(values.ToImmutable(), operations.ToImmutable(), graph.State, graph.Outputs, graph.Blocks, graph.Points);
    }

    /// <summary>The weights of a graph that adapters can change.</summary>
    public static IEnumerable<WeightTensor> Targets(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var tables = Tables(graph);
        return graph.Operations.Select(operation => FindTarget(tables, operation)).OfType<WeightTensor>().Distinct();
    }

    private static HashSet<WeightTensor> Tables(Graph graph) => [.. graph.Operations.OfType<Embed>().Select(static embed => embed.Table)];

    private static WeightTensor? FindTarget(HashSet<WeightTensor> tables, Operation operation) => operation switch
    {
        MatMul o => tables.Contains(o.Weight) ? null : o.Weight,
        ExpertMatMul o => o.Weight,
        Embed o => o.Table,
        _ => null,
    };
}
