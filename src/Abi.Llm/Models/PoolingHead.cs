using Abi.Compute.Graphs;

namespace Abi.Llm.Models;

/// <summary>What stands behind the hidden states of an embedding graph: pooling, a classification head, and the projections that some embedding models add.</summary>
internal static class PoolingHead
{
    /// <summary>The graph's output <c>embeddings</c> from hidden states [Tokens, width].</summary>
    /// <exception cref="NotSupportedException">A score is asked for, and the model has no classification head.</exception>
    public static void Write(GraphBuilder graph, ModelTensors tensors, string architecture, float normEpsilon, Value hidden, EmbeddingPooling pooling)
    {
        var x = pooling switch
        {
            EmbeddingPooling.None => hidden,
            EmbeddingPooling.Mean => graph.Pool(hidden, PoolingKind.Mean),
            EmbeddingPooling.Cls => graph.Pool(hidden, PoolingKind.Cls),
            EmbeddingPooling.Last => graph.Pool(hidden, PoolingKind.Last),
            EmbeddingPooling.Rank => Score(graph, tensors, architecture, normEpsilon, hidden),
            _ => throw new ArgumentOutOfRangeException(nameof(pooling), pooling, "Pooling is none, mean, cls, last or rank."),
        };
        x = tensors.Find("dense_2.weight", x.Width, -1) is { } second ? graph.MatMul(x, second, tensors.Find("dense_2.bias", second.Rows)) : x;
        x = tensors.Find("dense_3.weight", x.Width, -1) is { } third ? graph.MatMul(x, third) : x;

        // A named copy: the hidden state itself may be a block's output, whose name says so.
        graph.AddOutput(graph.Scale(x, 1, name: "embeddings"));
    }

    private static Value Score(GraphBuilder graph, ModelTensors tensors, string architecture, float normEpsilon, Value hidden)
    {
        if (!tensors.Has("cls.weight") && !tensors.Has("cls.output.weight"))
        {
            throw new NotSupportedException($"The model of architecture '{architecture}' has no classification head ('cls.weight' or 'cls.output.weight'), so it cannot rank.");
        }

        var isModern = string.Equals(architecture, "modern-bert", StringComparison.Ordinal);
        var isGenerative = architecture is "qwen3" or "qwen3vl";
        var x = graph.Pool(hidden, isModern ? PoolingKind.Mean : isGenerative ? PoolingKind.Last : PoolingKind.Cls);
        if (tensors.Find("cls.weight", x.Width, -1) is { } dense)
        {
            x = graph.Activate(graph.MatMul(x, dense, tensors.Find("cls.bias", dense.Rows)), isModern ? ActivationKind.Gelu : ActivationKind.Tanh);
            x = tensors.Find("cls.norm.weight", x.Width) is { } norm ? graph.LayerNorm(x, normEpsilon, norm) : x;
        }

        x = tensors.Find("cls.output.weight", x.Width, -1) is { } output ? graph.MatMul(x, output, tensors.Find("cls.output.bias", output.Rows)) : x;
        return isGenerative ? graph.Softmax(x) : x;
    }
}
