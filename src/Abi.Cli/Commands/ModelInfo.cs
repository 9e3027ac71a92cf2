using System.Collections.Immutable;
using Abi.Cli.Models;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Cli.Commands;

/// <summary>What can be said about a model file without running it.</summary>
internal sealed class ModelInfo
{
    private ModelInfo(string path, GgufFile file)
    {
        Path = path;
        File = file;
        Architecture = file.Metadata.GetString("general.architecture", "unknown");
        try
        {
            Definition = ModelDefinition.Create(file);
        }
        catch (AbiException e)
        {
            Problem = e.Message;
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The opened file.</summary>
    public GgufFile File { get; }

    /// <summary>The architecture's name.</summary>
    public string Architecture { get; }

    /// <summary>The model, when it can be run.</summary>
    public ModelDefinition? Definition { get; }

    /// <summary>Why it cannot be run.</summary>
    public string? Problem { get; }

    /// <summary>What it needs.</summary>
    public MemoryEstimate? Memory { get; private set; }

    /// <summary>Its graphs and what the device made of them; empty unless asked for.</summary>
    public ImmutableArray<ModelPlan> Plans { get; private set; } = [];

    /// <summary>The number of weights.</summary>
    public long Parameters => File.Tensors.Sum(tensor => tensor.Count);

    /// <summary>The number of tokens.</summary>
    public int VocabularySize => File.Metadata.TryGet("tokenizer.ggml.tokens", out var tokens) ? tokens.Count : Definition?.Hyperparameters.VocabularySize ?? 0;

    /// <summary>The formats of the tensors, the one with most bytes first.</summary>
    public IEnumerable<(string Type, int Count, long Bytes)> Types =>
        File.Tensors.GroupBy(tensor => tensor.Type).Select(group => (group.Key.ToString(), group.Count(), group.Sum(tensor => tensor.ByteLength))).OrderByDescending(type => type.Item3);

    /// <summary>Looks into a file, which must stay open.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="file">The opened file.</param>
    /// <param name="contextLength">The context that memory is estimated for; null by the memory rule.</param>
    /// <param name="keyType">The format of keys.</param>
    /// <param name="valueType">The format of values.</param>
    /// <param name="device">Lowers the graphs; null for no plans.</param>
    /// <param name="options">How to lower.</param>
    public static ModelInfo Create(string path, GgufFile file, int? contextLength, TensorType keyType, TensorType valueType, IDevice? device, LoweringOptions options)
    {
        var info = new ModelInfo(path, file);
        if (info.Definition is { } definition)
        {
            info.Memory = MemoryEstimate.Create(definition, file.ByteLength, contextLength, keyType, valueType);
            info.Plans = device is null ? [] : [.. Graphs(definition).Select(graph => ModelPlan.Create(graph.Name, graph.Graph, device, options))];
        }

        return info;
    }

    private static IEnumerable<(string Name, Graph Graph)> Graphs(ModelDefinition definition)
    {
        if (definition.EncoderGraph is { } encoder)
        {
            yield return ("encoder", encoder);
        }

        if (definition.DecoderGraph is { } decoder)
        {
            yield return ("decoder", decoder);
        }
        else
        {
            yield return ("embeddings", definition.EmbeddingGraph(definition.DefaultPooling));
        }
    }
}
