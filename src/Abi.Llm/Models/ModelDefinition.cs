using Abi.Compute.Graphs;
using Abi.Llm.Gguf;
using Abi.Llm.Sampling;

namespace Abi.Llm.Models;

/// <summary>What a file's model is: its numbers, and its forward pass as graphs that a device can lower.</summary>
/// <remarks>Immutable and thread-safe. The graphs refer to the file's tensors, so the file must stay open.</remarks>
public sealed class ModelDefinition
{
    /// <summary>Stands in files whose weights are folded with a Hadamard transform (Bonsai 2). Read as they are, they make a model that runs and says nothing sensible.</summary>
    private const string RotatedWeightsKey = "prism.hadamard.version";

    private readonly Func<EmbeddingPooling, Graph> _writeEmbeddings;
    private readonly Lock _writing = new();
    private readonly Lazy<ReadOnlyMemory<byte>> _fingerprint;

    internal ModelDefinition(string architecture, ModelKind kind, Hyperparameters hyperparameters, Graph? decoder, Graph? encoder, Func<EmbeddingPooling, Graph> writeEmbeddings, EmbeddingPooling pooling, int? decoderStart, Lazy<ReadOnlyMemory<byte>> fingerprint)
    {
        Architecture = architecture;
        Kind = kind;
        Hyperparameters = hyperparameters;
        DecoderGraph = decoder;
        EncoderGraph = encoder;
        _writeEmbeddings = writeEmbeddings;
        DefaultPooling = pooling;
        DecoderStartId = decoderStart;
        _fingerprint = fingerprint;
    }

    /// <summary>The names of <c>general.architecture</c> that are supported, in order.</summary>
    public static IReadOnlyList<string> SupportedArchitectures { get; } = [.. ArchitectureTable.Names];

    /// <summary>Names of <c>general.architecture</c> that are known elsewhere and not supported here, in order.</summary>
    public static IReadOnlyList<string> UnsupportedArchitectures { get; } = [.. ArchitectureTable.UnsupportedNames];

    /// <summary>The value of <c>general.architecture</c>.</summary>
    public string Architecture { get; }

    /// <summary>What the model does.</summary>
    public ModelKind Kind { get; }

    /// <summary>The model's numbers.</summary>
    public Hyperparameters Hyperparameters { get; }

    /// <summary>Token ids to the output <c>logits</c>, [Outputs, vocabulary]; null for an encoder.</summary>
    public Graph? DecoderGraph { get; }

    /// <summary>For an encoder-decoder: the input's ids to the cross-attention state (cache group 1).</summary>
    public Graph? EncoderGraph { get; }

    /// <summary>The pooling that the file declares.</summary>
    public EmbeddingPooling DefaultPooling { get; }

    /// <summary>The token that a decoder behind an encoder starts with.</summary>
    public int? DecoderStartId { get; }

    /// <summary>What the file recommends to sample with; nothing is set where it says nothing.</summary>
    internal SamplingOptions RecommendedSampling { get; private init; } = new();

    /// <summary>Writes the decoder's graph with every block computing every token; null where <see cref="DecoderGraph"/> does.</summary>
    private Func<Graph>? WriteEveryRow { get; init; }

    /// <summary>The state that the decoder keeps, shared with the encoder's graph.</summary>
    public StateLayout State => DecoderGraph?.State ?? new StateLayout([], []);

    /// <summary>Tells this model from others: [32].</summary>
    internal ReadOnlyMemory<byte> Fingerprint => _fingerprint.Value;

    /// <summary>Reads a file's model.</summary>
    /// <exception cref="UnsupportedModelException">Its architecture is not supported, and the message lists those that are; or its weights are stored rotated.</exception>
    /// <exception cref="ModelFormatException">Its metadata or tensors do not fit the architecture.</exception>
    public static ModelDefinition Create(GgufFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        var name = file.Metadata.GetString("general.architecture");
        var architecture = ArchitectureTable.Find(name) ?? throw new UnsupportedModelException(
            $"The model's architecture '{name}' is not supported (file '{file.Path}', key 'general.architecture'). Supported are: {string.Join(", ", SupportedArchitectures)}. "
            + $"Known, but not supported, are: {string.Join(", ", UnsupportedArchitectures)}. docs/models.md says how to add one.");
        if (file.Metadata.Contains(RotatedWeightsKey))
        {
            throw new UnsupportedModelException(
                $"The model's weights are stored in a rotated basis ('{RotatedWeightsKey}' in file '{file.Path}'), which is not supported: activations would have to be rotated before each product. Choose a file of the model without it.");
        }

        var hyperparameters = Hyperparameters.Read(file, name);
        if (hyperparameters.VocabularySize <= 0)
        {
            throw new ModelFormatException("The model has no token embeddings ('token_embd.weight'): the file holds a vocabulary alone", file.Path);
        }

        if (file.Metadata.TryGet("tokenizer.ggml.tokens", out var tokens) && tokens.Type == GgufValueType.Array && tokens.Count != hyperparameters.VocabularySize)
        {
            throw new ModelFormatException($"'tokenizer.ggml.tokens' has {tokens.Count} tokens, but 'token_embd.weight' has {hyperparameters.VocabularySize} rows; each token has one. The file is damaged: download or convert it again", file.Path);
        }

        // −1, signed or not, stands for a pooling that is not said.
        var declared = file.Metadata.GetInt64($"{name}.pooling_type", 0);
        var defaultPooling = declared is >= 0 and <= (int)EmbeddingPooling.Rank ? (EmbeddingPooling)declared : EmbeddingPooling.None;
        var recommended = Sampling.RecommendedSampling.Read(file.Metadata, hyperparameters.ContextLength, hyperparameters.VocabularySize);
        var fingerprint = new Lazy<ReadOnlyMemory<byte>>(() => ModelFingerprint.Compute(file));
        ModelDefinition Make(ModelKind kind, Graph? decoder, Graph? encoder, Func<EmbeddingPooling, Graph> embeddings, int? start = null, Func<Graph>? everyRow = null) =>
            new(name, kind, hyperparameters, decoder, encoder, embeddings, defaultPooling, start, fingerprint) { RecommendedSampling = recommended, WriteEveryRow = everyRow };
        switch (architecture.Machine)
        {
            case ModelMachine.Bert:
                return Make(ModelKind.Encoder, null, null, new BertWriter(file, architecture, hyperparameters).WriteEmbeddings);
            case ModelMachine.T5Encoder:
                return Make(ModelKind.Encoder, null, null, new T5Writer(file, architecture, hyperparameters).WriteEmbeddings);
            case ModelMachine.T5:
                var t5 = new T5Writer(file, architecture, hyperparameters);
                var graph = t5.WriteDecoder();
                return Make(ModelKind.EncoderDecoder, graph, t5.WriteEncoder(graph.State), t5.WriteEmbeddings, DecoderStart(file, name, hyperparameters));
            case ModelMachine.PreNormEncoder:
                return Make(ModelKind.Encoder, null, null, new DecoderWriter(file, architecture, hyperparameters).WriteEmbeddings);
            default:
                var writer = new DecoderWriter(file, architecture, hyperparameters);
                return Make(ModelKind.Decoder, writer.Write(), null, writer.WriteEmbeddings, everyRow: architecture.SharesKeysAndValues ? () => writer.Write(everyRow: true) : null);
        }
    }

    /// <summary>Token ids to the output <c>embeddings</c>: [Tokens, width] without pooling, else [Sequences, width]; not normalised.</summary>
    /// <exception cref="NotSupportedException">The model has no head for this pooling.</exception>
    public Graph EmbeddingGraph(EmbeddingPooling pooling)
    {
        lock (_writing)
        {
            return _writeEmbeddings(pooling); // a writer writes one graph at a time
        }
    }

    /// <summary><see cref="DecoderGraph"/> with every block computing every token, also where the logits that are asked for do not need it: what hooks look into.</summary>
    internal Graph? EveryRowGraph()
    {
        lock (_writing)
        {
            return WriteEveryRow?.Invoke() ?? DecoderGraph;
        }
    }

    /// <summary>The token that the file says its decoder starts with, or null.</summary>
    private static int? DecoderStart(GgufFile file, string name, Hyperparameters hyperparameters)
    {
        var key = $"{name}.decoder_start_token_id";
        if (file.Metadata.GetInt64(key, -1) is -1 or uint.MaxValue)
        {
            return null;
        }

        var id = file.Metadata.GetInt32(key);
        return id >= 0 && id < hyperparameters.VocabularySize ? id : throw new ModelFormatException($"'{key}' is {id}; the vocabulary has {hyperparameters.VocabularySize} tokens", file.Path);
    }
}
