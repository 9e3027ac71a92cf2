using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Llm.Engine;
using Abi.Llm.Models;

namespace Abi.Cli.Models;

/// <summary>The memory that a model needs, in bytes, by the rules of <see cref="ContextSizing"/>.</summary>
/// <param name="ContextLength">The tokens of one sequence that it is for.</param>
/// <param name="Weights">The mapped file.</param>
/// <param name="Cache">Keys and values of one context.</param>
/// <param name="Recurrent">The recurrent state of one sequence.</param>
/// <param name="Scratch">The values that live at the same time in a step of 512 rows, unfused: about what a device needs, never less than it can need.</param>
internal sealed record MemoryEstimate(int ContextLength, long Weights, long Cache, long Recurrent, long Scratch)
{
    private const int Rows = 512;

    /// <summary>All of it.</summary>
    public long Total => Weights + Cache + Recurrent + Scratch;

    /// <summary>Estimates.</summary>
    /// <param name="definition">The model.</param>
    /// <param name="weightBytes">The bytes of its file.</param>
    /// <param name="contextLength">The context asked for; null by the memory rule, 0 for the model's own.</param>
    /// <param name="keyType">The format of keys.</param>
    /// <param name="valueType">The format of values.</param>
    public static MemoryEstimate Create(ModelDefinition definition, long weightBytes, int? contextLength, TensorType keyType, TensorType valueType)
    {
        var trained = definition.Hyperparameters.ContextLength;
        var bytesPerToken = ContextSizing.BytesPerToken(definition.State, keyType, valueType);
        var context = contextLength == 0 ? trained : ContextSizing.ContextLength(contextLength, trained, bytesPerToken, weightBytes, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        var graph = definition.DecoderGraph ?? definition.EmbeddingGraph(definition.DefaultPooling);
        var recurrent = definition.State.Recurrent.Sum(layer => (long)layer.Floats * sizeof(float));
        return new MemoryEstimate(context, weightBytes, bytesPerToken * context, recurrent, Alive(graph));
    }

    /// <summary>The most bytes of values that are alive between two operations.</summary>
    private static long Alive(Graph graph)
    {
        var last = new int[graph.Values.Length];
        for (var i = 0; i < graph.Operations.Length; i++)
        {
            foreach (var input in graph.Operations[i].Inputs)
            {
                last[input.Id] = i;
            }
        }

        foreach (var output in graph.Outputs)
        {
            last[output.Id] = graph.Operations.Length;
        }

        long alive = 0, most = 0;
        var ending = Enumerable.Range(0, graph.Values.Length).ToLookup(id => last[id]);
        for (var i = 0; i < graph.Operations.Length; i++)
        {
            alive += graph.Operations[i].Output is { } output ? Bytes(output) : 0;
            most = Math.Max(most, alive);
            alive -= ending[i].Sum(id => Bytes(graph.Values[id]));
        }

        return most;
    }

    // Only the last token's output is wanted of a prompt, and one vector of a text: single rows.
    private static long Bytes(Value value) => (long)value.Width * sizeof(float) * (value.Rows == RowSpace.Tokens ? Rows : 1);
}
