using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Abi.Compute.Cpu;
using Abi.Compute.Tensors;
using Abi.Llm.Engine;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Llm.Sampling;
using Abi.Llm.Tokenizers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Abi.Llm;

/// <summary>A loaded model: the mapped file, its tokenizer, and the engine that generates with it.</summary>
/// <remarks>Thread-safe: any number of generations at once share the weights. Disposing ends those that run, in any order with their streams and sessions.</remarks>
public sealed class LanguageModel : IAsyncDisposable, IDisposable
{
    private readonly GgufFile _file;
    private readonly IDisposable? _ownedDevice;
    private readonly Lock _freeing = new();
    private volatile bool _isDisposed;

    private LanguageModel(GgufFile file, Tokenizer tokenizer, ModelDefinition definition, InferenceEngine engine, string deviceName, IDisposable? ownedDevice)
    {
        _file = file;
        _ownedDevice = ownedDevice;
        Tokenizer = tokenizer;
        Definition = definition;
        Engine = engine;
        DeviceName = deviceName;
        var key = $"{definition.Architecture}.classifier.output_labels";
        ClassLabels = file.Metadata.TryGet(key, out _) ? file.Metadata.GetStringArray(key) : [];
    }

    /// <summary>The file.</summary>
    public string Path => _file.Path ?? string.Empty;

    /// <summary>The file's metadata.</summary>
    public GgufMetadata Metadata => _file.Metadata;

    /// <summary>The file's tensors.</summary>
    public IReadOnlyList<WeightTensor> Tensors => _file.Tensors;

    /// <summary>The bytes of the file, all parts together.</summary>
    public long ByteLength => _file.ByteLength;

    internal ImmutableArray<(object Identity, long Bytes)> MappedFiles => _file.MappedFiles;

    /// <summary>The model's tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The model's shape and graphs.</summary>
    public ModelDefinition Definition { get; }

    /// <summary>What the file recommends to sample with (keys <c>general.sampling.*</c>, and the tokens of <c>tokenizer.ggml.suppress_tokens</c> as forbidden), with the defaults where it says nothing. It counts for what a generation's options leave unset.</summary>
    public SamplingOptions RecommendedSampling => Definition.RecommendedSampling;

    /// <summary>The device that computes.</summary>
    public string DeviceName { get; }

    /// <summary>The engine that all generations and embeddings share.</summary>
    public InferenceEngine Engine { get; }

    /// <summary>The names of the classes that the model's head scores, in the order of the scores of <see cref="EmbeddingPooling.Rank"/>; empty when the file names none.</summary>
    public IReadOnlyList<string> ClassLabels { get; }

    /// <summary>The most tokens of one sequence.</summary>
    public int ContextLength => Engine.ContextLength;

    /// <summary>Loads a GGUF file.</summary>
    /// <param name="path">The file, or any part of a split one.</param>
    /// <param name="options">How to load it.</param>
    /// <param name="progress">Is told how far it is.</param>
    /// <param name="cancellationToken">Ends loading and leaves nothing behind.</param>
    /// <exception cref="ModelFormatException">The file is broken.</exception>
    /// <exception cref="UnsupportedModelException">The architecture or a format in it is not supported.</exception>
    /// <exception cref="AbiException">The file cannot be opened, or there is not enough memory.</exception>
    public static Task<LanguageModel> LoadAsync(
        string path, ModelLoadOptions? options = null, IProgress<ModelLoadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new ModelLoadOptions();
        options.Validate();
        return Task.Run(() => Load(path, options, progress, cancellationToken), cancellationToken);
    }

    /// <summary>Loads a GGUF file.</summary>
    /// <inheritdoc cref="LoadAsync(string, ModelLoadOptions?, IProgress{ModelLoadProgress}?, CancellationToken)"/>
    [OverloadResolutionPriority(1)] // of both that `default` fits
    public static Task<LanguageModel> LoadAsync(string path, ModelLoadOptions? options, CancellationToken cancellationToken) => LoadAsync(path, options, progress: null, cancellationToken);

    /// <summary>Generates text after a prompt, piece by piece; the last piece carries the outcome.</summary>
    /// <param name="prompt">The text to continue; for an encoder-decoder model, the input.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it within a token, or within a block of the prompt.</param>
    /// <exception cref="ContextFullException">The text outgrew the context and the policy is to say so.</exception>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new GenerationOptions();
        return GenerateAsync(Encode(prompt, options), options, cancellationToken);
    }

    /// <summary>Generates after given tokens, piece by piece; the last piece carries the outcome.</summary>
    /// <param name="promptIds">The tokens to continue; for an encoder-decoder model, the input.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it within a token, or within a block of the prompt.</param>
    /// <exception cref="ContextFullException">The text outgrew the context and the policy is to say so.</exception>
    public async IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        ReadOnlyMemory<int> promptIds, GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var stream = Engine.Start(promptIds.Span, options, cancellationToken);
        await using (stream.ConfigureAwait(false))
        {
            await foreach (var piece in stream.ReadPiecesAsync().ConfigureAwait(false))
            {
                yield return piece;
            }
        }
    }

    /// <summary>Generates the whole text after a prompt.</summary>
    /// <param name="prompt">The text to continue; for an encoder-decoder model, the input.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it within a token, or within a block of the prompt.</param>
    public Task<GenerationResult> CompleteAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new GenerationOptions();
        return CompleteAsync(Encode(prompt, options), options, cancellationToken);
    }

    /// <summary>Generates the whole text after given tokens.</summary>
    /// <param name="promptIds">The tokens to continue; for an encoder-decoder model, the input.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it within a token, or within a block of the prompt.</param>
    public Task<GenerationResult> CompleteAsync(
        ReadOnlyMemory<int> promptIds, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        GenerationResult.ReadAsync(GenerateAsync(promptIds, options, cancellationToken));

    /// <summary>
    /// Generates several texts after one prompt, which is computed once: each goes on from a fork of it with a seed of its own. The first is what
    /// <see cref="CompleteAsync(string, GenerationOptions?, CancellationToken)"/> gives with the same seed, and each further one that of the next seed.
    /// </summary>
    /// <param name="prompt">The text to continue; for an encoder-decoder model, the input.</param>
    /// <param name="count">How many, 1 or more.</param>
    /// <param name="options">What to do. With <see cref="GenerationOptions.LogProbabilities"/> the texts can be told apart by how likely they are.</param>
    /// <param name="cancellationToken">Ends all of them.</param>
    /// <returns>The texts, in the order of their seeds.</returns>
    public Task<ImmutableArray<GenerationResult>> CompleteManyAsync(string prompt, int count, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new GenerationOptions();
        return CompleteManyAsync(Encode(prompt, options), count, options, cancellationToken);
    }

    /// <summary>Generates several texts after given tokens, which are computed once.</summary>
    /// <param name="promptIds">The tokens to continue; for an encoder-decoder model, the input.</param>
    /// <param name="count">How many, 1 or more.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends all of them.</param>
    /// <returns>The texts, in the order of their seeds.</returns>
    public Task<ImmutableArray<GenerationResult>> CompleteManyAsync(ReadOnlyMemory<int> promptIds, int count, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        return Continuations.RunAsync(Engine, promptIds, count, options ?? new GenerationOptions(), cancellationToken);
    }

    /// <summary>Finds likely texts after a prompt by keeping the most likely beginnings at every token (beam search). Nothing is random.</summary>
    /// <param name="prompt">The text to continue; for an encoder-decoder model, the input.</param>
    /// <param name="options">How wide and how long.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The texts with the log-probability of each token, the best first.</returns>
    public Task<ImmutableArray<GenerationResult>> BeamSearchAsync(string prompt, BeamSearchOptions? options = null, CancellationToken cancellationToken = default) =>
        BeamSearchAsync(Encode(prompt), options, cancellationToken);

    /// <summary>Finds likely texts after given tokens by keeping the most likely beginnings at every token (beam search). Nothing is random.</summary>
    /// <param name="promptIds">The tokens to continue; for an encoder-decoder model, the input.</param>
    /// <param name="options">How wide and how long.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The texts with the log-probability of each token, the best first.</returns>
    /// <exception cref="ContextFullException">The prompt and <see cref="BeamSearchOptions.MaximumTokens"/> do not fit into the context.</exception>
    /// <exception cref="Grammars.GrammarException">The grammar cannot be compiled, or its shortest text takes more than <see cref="BeamSearchOptions.MaximumTokens"/>.</exception>
    public Task<ImmutableArray<GenerationResult>> BeamSearchAsync(ReadOnlyMemory<int> promptIds, BeamSearchOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new BeamSearchOptions();
        options.Validate();
        return BeamSearch.RunAsync(Engine, promptIds, options, cancellationToken);
    }

    /// <summary>Starts a generation to be read as bytes or pieces; reading bytes allocates nothing.</summary>
    /// <param name="prompt">The text to continue; for an encoder-decoder model, the input.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it within a token, or within a block of the prompt.</param>
    public GenerationStream Start(string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new GenerationOptions();
        return Engine.Start(Encode(prompt, options), options, cancellationToken);
    }

    /// <summary>Makes a text that is kept between generations.</summary>
    public InferenceSession CreateSession() => Engine.CreateSession();

    /// <summary>Reads a LoRA adapter for this model; requests name it in <see cref="GenerationOptions.Adapters"/>.</summary>
    /// <param name="path">A GGUF file, or a PEFT adapter: its folder or its <c>.safetensors</c> file, with <c>adapter_config.json</c> beside it.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ModelFormatException">The adapter is broken, or does not fit the model.</exception>
    /// <exception cref="UnsupportedModelException">It needs what is not supported; the message names it.</exception>
    public Task<LoraAdapter> LoadAdapterAsync(string path, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        RequireOpen();
        return Task.Run(() => LoraAdapter.Load(path, _file, Definition), cancellationToken);
    }

    /// <summary>Takes a saved session up again, with the same bits as if it had never ended.</summary>
    /// <param name="stream">What <see cref="InferenceSession.SaveAsync(Stream, CancellationToken)"/> wrote; stays open behind it.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="SessionFormatException">It is damaged, of another version, of another model, or of an engine with other options.</exception>
    public Task<InferenceSession> RestoreSessionAsync(Stream stream, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        RequireOpen();
        return Engine.RestoreAsync(stream, cancellationToken);
    }

    /// <summary>Takes a saved session up again, with the same bits as if it had never ended.</summary>
    /// <param name="path">The file that <see cref="InferenceSession.SaveAsync(string, CancellationToken)"/> wrote.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="SessionFormatException">It is damaged, of another version, of another model, or of an engine with other options.</exception>
    /// <exception cref="AbiException">The file is not there or cannot be opened.</exception>
    public async Task<InferenceSession> RestoreSessionAsync(string path, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        RequireOpen();
        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new AbiException(File.Exists(path) ? $"The session '{path}' cannot be opened: {exception.Message}" : $"There is no saved session at '{path}'.", exception);
        }

        await using (stream.ConfigureAwait(false))
        {
            try
            {
                return await Engine.RestoreAsync(stream, cancellationToken).ConfigureAwait(false);
            }
            catch (SessionFormatException exception)
            {
                throw new SessionFormatException($"The session '{path}' cannot be taken up. {exception.Message}", exception);
            }
        }
    }

    /// <summary>Turns a text into a vector, or into a vector for each token.</summary>
    /// <param name="text">The text; of an encoder-decoder model, its encoder reads it.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ContextFullException">The text is longer than the context, and is not to be truncated.</exception>
    /// <exception cref="UnsupportedModelException">A score is asked for, and the model has no head for it.</exception>
    public async Task<EmbeddingResult> EmbedAsync(string text, EmbeddingOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return (await EmbedAsync([text], options, cancellationToken).ConfigureAwait(false))[0];
    }

    /// <summary>Turns texts into vectors, as many at once as a step holds. A text's vector does not depend on its company.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>A result for each text, in their order.</returns>
    /// <exception cref="ContextFullException">A text is longer than the context, and is not to be truncated.</exception>
    /// <exception cref="UnsupportedModelException">A score is asked for, and the model has no head for it.</exception>
    public Task<ImmutableArray<EmbeddingResult>> EmbedAsync(IReadOnlyList<string> texts, EmbeddingOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        options ??= new EmbeddingOptions();
        var ids = new ReadOnlyMemory<int>[texts.Count];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = Tokenizer.Encode(texts[i] ?? throw new ArgumentException($"Text {i} is null.", nameof(texts)), options.AddSpecialTokens, options.ParseSpecialTokens);
        }

        return Engine.EmbedAsync(ids, options, cancellationToken);
    }

    /// <summary>Scores documents by how well they answer a query, with the model's rank head.</summary>
    /// <param name="query">The query.</param>
    /// <param name="documents">The documents.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>All of them, best first; equals in their order.</returns>
    /// <exception cref="ContextFullException">A document with the query is longer than the context.</exception>
    /// <exception cref="UnsupportedModelException">The model has no head for it.</exception>
    public async Task<ImmutableArray<RerankedDocument>> RerankAsync(string query, IReadOnlyList<string> documents, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(documents);
        var prompt = new RerankPrompt(Metadata, Tokenizer, query);
        var pairs = documents.Select(document => new ReadOnlyMemory<int>(prompt.Encode(document))).ToArray();
        var results = await Engine.EmbedAsync(pairs, new EmbeddingOptions { Pooling = EmbeddingPooling.Rank }, cancellationToken).ConfigureAwait(false);
        return [.. results.Select((result, index) => new RerankedDocument(index, result.Values.Span[0])).OrderByDescending(document => document.Score)];
    }

    /// <summary>The prompt's tokens, as the options ask for them.</summary>
    public int[] Encode(string prompt, GenerationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return Tokenizer.Encode(prompt, options?.AddSpecialTokens ?? true, options?.ParseSpecialTokens ?? false);
    }

    /// <summary>The logits after the last token, or after every one.</summary>
    /// <param name="ids">The tokens; for an encoder-decoder model, the decoder's.</param>
    /// <param name="all">Whether all are wanted.</param>
    /// <param name="encoderIds">The encoder's tokens, for an encoder-decoder model.</param>
    /// <param name="adapters">Adapters that change the model, in order.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>[vocabulary], or with <paramref name="all"/> [tokens, vocabulary].</returns>
    /// <exception cref="ContextFullException">There are more tokens than the context holds.</exception>
    /// <exception cref="AbiException">All logits are more than an array holds.</exception>
    public async Task<float[]> ComputeLogitsAsync(
        ReadOnlyMemory<int> ids, bool all = false, ReadOnlyMemory<int> encoderIds = default, ImmutableArray<AdapterUse> adapters = default, CancellationToken cancellationToken = default)
    {
        var width = Engine.VocabularySize;
        var first = all ? 0 : ids.Length - 1;
        var count = (long)(ids.Length - first) * width;
        if (count > Array.MaxLength)
        {
            throw new AbiException($"The logits of {ids.Length} tokens over a vocabulary of {width} are {count} numbers; an array holds {Array.MaxLength}. Ask for {Array.MaxLength / width} tokens at most, or take them one by one: {nameof(InferenceEngine)}.{nameof(InferenceEngine.EvaluateAsync)}.");
        }

        Engine.RequireEvaluation(ids.Span, encoderIds.Span);
        var result = new float[count];
        await Engine.EvaluateAsync(
            ids.Span, first, (position, logits) => logits.CopyTo(result.AsSpan((position - first) * width)), encoderIds.Span, adapters, cancellationToken).ConfigureAwait(false);
        return result;
    }

    /// <summary>The log-probability of each token after those before it: [tokens]; the first, which nothing comes before, is not a number.</summary>
    /// <param name="ids">The tokens; for an encoder-decoder model, the decoder's.</param>
    /// <param name="encoderIds">The encoder's tokens, for an encoder-decoder model.</param>
    /// <param name="adapters">Adapters that change the model, in order.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<float[]> ScoreAsync(ReadOnlyMemory<int> ids, ReadOnlyMemory<int> encoderIds = default, ImmutableArray<AdapterUse> adapters = default, CancellationToken cancellationToken = default)
    {
        var scores = new float[ids.Length];
        if (scores.Length > 0)
        {
            scores[0] = float.NaN;
        }

        if (scores.Length > 1)
        {
            await Engine.EvaluateAsync(
                ids.Span[..^1], 0, (position, logits) => scores[position + 1] = (float)Perplexity.LogProbability(logits, ids.Span[position + 1]), encoderIds.Span, adapters, cancellationToken)
                .ConfigureAwait(false);
        }

        return scores;
    }

    /// <summary>Ends what runs, frees the state and unmaps the file; a second call waits until the first is done.</summary>
    /// <remarks>From a callback that runs on the engine's thread it only begins: the step that the callback belongs to still uses what is freed.</remarks>
    public void Dispose()
    {
        _isDisposed = true;
        if (Engine.IsOnThread)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static model => model.Free(), this, preferLocal: false); // the step that the callback belongs to still uses it
        }
        else
        {
            Free();
        }
    }

    /// <summary>Ends what runs, frees the state and unmaps the file; a second call waits until the first is done.</summary>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    private void Free()
    {
        lock (_freeing)
        {
            Engine.Dispose();
            _ownedDevice?.Dispose();
            _file.Dispose();
        }
    }

    private void RequireOpen() => ObjectDisposedException.ThrowIf(_isDisposed, this);

    private static LanguageModel Load(string path, ModelLoadOptions options, IProgress<ModelLoadProgress>? progress, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        var logger = options.LoggerFactory?.CreateLogger<InferenceEngine>() ?? (ILogger)NullLogger.Instance;
        progress?.Report(new ModelLoadProgress(ModelLoadStage.Opening, 0));
        var file = GgufFile.Open(path, cancellationToken);
        InferenceEngine? engine = null;
        CpuDevice? own = null;
        try
        {
            progress?.Report(new ModelLoadProgress(ModelLoadStage.Tokenizer, 0.02));
            // The two need nothing of each other, and each takes a good part of a load; metadata lies on the heap, so the file may be closed while the tokenizer is made.
            var making = Task.Run(() => Tokenizer.FromMetadata(file.Metadata), CancellationToken.None);
            var definition = ModelDefinition.Create(file);
            var tokenizer = making.GetAwaiter().GetResult();
            cancellationToken.ThrowIfCancellationRequested();
            if (options.Prefetch)
            {
                WeightPrefetch.Run(file, progress, cancellationToken);
            }

            progress?.Report(new ModelLoadProgress(ModelLoadStage.Preparing, 0.9));
            own = options.Threads is { } threads ? new CpuDevice(new CpuOptions { Threads = threads }) : null;
            var device = own ?? options.Device ?? CpuDevice.Default;
            engine = new InferenceEngine(definition, tokenizer, device, options.Engine, file.ByteLength, logger) { Name = Chat.ModelNames.Of(file.Metadata, path) };
            cancellationToken.ThrowIfCancellationRequested();
            EngineLog.Loaded(logger, path, (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            progress?.Report(new ModelLoadProgress(ModelLoadStage.Ready, 1));
            return new LanguageModel(file, tokenizer, definition, engine, device.Name, own);
        }
        catch (Exception exception)
        {
            engine?.Dispose();
            own?.Dispose();
            file.Dispose();
            if (exception is OutOfMemoryException)
            {
                throw new AbiException($"There is not enough memory to load {path} ({file.ByteLength} bytes).", exception);
            }

            throw;
        }
    }
}
