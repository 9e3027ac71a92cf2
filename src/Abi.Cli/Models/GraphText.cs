using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Cli.Models;

/// <summary>A graph as text, a line each operation: block, name, what it reads, its weight, what it makes.</summary>
internal static class GraphText
{
    /// <summary>The lines of a graph.</summary>
    public static IEnumerable<string> Lines(Graph graph) => graph.Operations.Select(Line);

    private static string Line(Operation operation)
    {
        var inputs = operation.Inputs.Select(input => input.Name);
        if (WeightOf(operation) is { } weight)
        {
            inputs = inputs.Append($"{weight.Name} ({weight.Type} [{string.Join(", ", weight.Shape)}])");
        }

        return $"{(operation.Block >= 0 ? $"{operation.Block,3}" : "   ")} {operation.Name,-14} {string.Join(", ", inputs)} → {operation.Output?.ToString() ?? "state"}";
    }

    private static WeightTensor? WeightOf(Operation operation) => operation switch
    {
        Embed o => o.Table,
        EmbedPositions o => o.Table,
        EmbedConstant o => o.Table,
        MatMul o => o.Weight,
        GroupedMatMul o => o.Weight,
        ExpertMatMul o => o.Weight,
        RmsNorm o => o.Weight,
        LayerNorm o => o.Weight,
        AddWeight o => o.Weight,
        MultiplyWeight o => o.Weight,
        Convolve o => o.Weight,
        SelectiveScan o => o.A,
        HeadScan o => o.A,
        _ => null,
    };
}
