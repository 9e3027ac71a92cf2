using System.Collections.Immutable;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Llm.Cache;
using Abi.Llm.Models;
using Abi.Llm.Sampling;
using Abi.Llm.Tokenizers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Abi.Llm.Engine;

/// <summary>
/// Runs one model for any number of requests at once (continuous batching): requests join and leave at any token, prompts are computed in chunks beside others that generate,
/// and who waits, waits for memory only. A request gives the same bits alone and in company.
/// </summary>
/// <remarks>
/// Thread-safe. One thread of its own computes; it starts with the first request. Sequences that lose their state to others are computed anew, exactly. Disposing ends every
/// request.
/// </remarks>
public sealed partial class InferenceEngine : IDisposable, IAsyncDisposable
{
    private readonly Lock _lifetime = new();
    private readonly object _gate = new();
    private readonly IDevice _device;
    private readonly ILogger _logger;
    private readonly StepPlan? _plan;   // null for an encoder, which only embeds
    private readonly StatePool _pool;
    private readonly PrefixCache? _prefixes;                  // null where a prefix cannot be shared: recurrent state, or state behind an encoder
    private readonly CheckpointCache? _checkpoints;           // where a prefix cannot be shared page by page: recurrent state
    private readonly StepBatch _batch;
    private readonly Candidates _candidates = new();
    private readonly List<object> _inbox = [];                // EngineRequest or Action, in the order of arrival
    private readonly List<EngineRequest> _waiting = [];       // first come, first admitted
    private readonly List<EngineRequest> _active = [];        // in the order of admission
    private readonly List<Sequence> _idle = [];               // least recently used first
    private readonly int _maximumOutputs;
    private CancellationTokenSource _stepCancellation = new();
    private StepPlan? _encoderPlan;
    private WeakReference<Tokenizer>? _drafter; // of the draft model that was compared last
    private InferenceEngine? _guesser;          // whose guesses the engine's thread waits for
    private Thread? _thread;
    private readonly TaskCompletionSource<Exception> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously); // with what those are told that the engine no longer gets to
    private bool _hasAbandoned; // a request was cancelled or ran out of time since the engine looked
    private bool _isStopping;
    private bool _isDisposed;
    private long _steps;
    private long _preemptions;

    /// <summary>Lowers the model's graph on a device and makes room for its state.</summary>
    /// <param name="definition">The model; its weights must outlive the engine.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="device">Computes; not disposed of with the engine.</param>
    /// <param name="options">How to run.</param>
    /// <param name="weightBytes">The bytes of the weights, for the memory rule.</param>
    /// <param name="logger">Where to log.</param>
    /// <exception cref="AbiException">There is not enough memory for the context asked for.</exception>
    public InferenceEngine(ModelDefinition definition, Tokenizer tokenizer, IDevice device, EngineOptions? options = null, long weightBytes = 0, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(definition);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(device);
        Options = options ?? new EngineOptions();
        Options.Validate();
        Definition = definition;
        Tokenizer = tokenizer;
        _device = device;
        _logger = logger ?? NullLogger.Instance;
        var bytesPerToken = ContextSizing.BytesPerToken(definition.State, Options.CacheType, Options.ValueCacheType ?? Options.CacheType);
        var trained = definition.Hyperparameters.ContextLength;
        ContextLength = ContextSizing.ContextLength(Options.ContextLength, trained, bytesPerToken, weightBytes, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        var graph = definition.DecoderGraph;
        CheckContext(graph ?? EmbeddingGraph(EmbeddingPooling.None), trained);
        VocabularySize = graph?.Outputs[0].Width ?? definition.Hyperparameters.VocabularySize; // the logits
        _maximumOutputs = (int)Math.Clamp((64L << 20) / sizeof(float) / VocabularySize, Math.Max(16, Options.MaximumSequences), Math.Max(512, Options.MaximumSequences));
        var encoderFactor = definition.Kind == ModelKind.EncoderDecoder ? 2 : 1; // an encoder's output takes pages of its own
        var pages = StatePool.PagesFor(ContextSizing.CacheTokens(Options.CacheTokens, ContextLength, bytesPerToken)) * encoderFactor;
        if (definition.State.Cache.IsEmpty)
        {
            pages = 0;
        }

        var checkpoints = Options.ReusePrefixes && graph is not null ? ContextSizing.Checkpoints(definition.State) : 0;
        StateStore? store = null;
        try
        {
            store = device.CreateState(definition.State, new StateOptions
            {
                CacheType = Options.CacheType,
                ValueCacheType = Options.ValueCacheType,
                Pages = pages,
                RecurrentSlots = ContextSizing.RecurrentSlots(definition.State, Options.MaximumSequences) + checkpoints,
            });
            _plan = graph is null ? null : device.Lower(graph, Lowering);
        }
        catch (OutOfMemoryException exception)
        {
            store?.Dispose();
            throw new AbiException($"There is not enough memory for a cache of {(long)pages * StateStore.PageLength} tokens and {bytesPerToken} bytes each. Set a smaller ContextLength or CacheTokens.", exception);
        }
        catch
        {
            store?.Dispose();
            throw;
        }

        _maximumOutputs = Math.Min(_maximumOutputs, Options.MaximumRows);
        _pool = new StatePool(store);
        _prefixes = Options.ReusePrefixes && pages > 0 && definition.State.IsPositional && definition.Kind == ModelKind.Decoder ? new PrefixCache(_pool) : null;
        _checkpoints = checkpoints > 0 && definition.Kind == ModelKind.Decoder ? new CheckpointCache(_pool, checkpoints, Options.CheckpointInterval) : null;
        _batch = new StepBatch(_checkpoints);
        Name = definition.Architecture;
        Telemetry.EngineTelemetry.Add(this);
        EngineLog.Started(_logger, definition.Architecture, device.Name, ContextLength, (long)pages * StateStore.PageLength, _pool.TotalBytes, _pool.Slots.Count);
    }

    /// <summary>The model.</summary>
    public ModelDefinition Definition { get; }

    /// <summary>The model's tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The options in force.</summary>
    public EngineOptions Options { get; }

    /// <summary>The most tokens of one sequence.</summary>
    public int ContextLength { get; }

    /// <summary>The number of logits.</summary>
    public int VocabularySize { get; }

    /// <summary>What the engine holds now; once disposed of, nothing, and what it did.</summary>
    public EngineStatistics Statistics
    {
        get
        {
            lock (_gate)
            {
                if (_isDisposed)
                {
                    return default(EngineStatistics) with { Steps = _steps, Preemptions = _preemptions };
                }

                var (reusable, slots) = _checkpoints?.CountUnshared() ?? (_prefixes?.CountUnshared() ?? 0, 0);
                return new EngineStatistics(
                    _active.Count, _waiting.Count, _idle.Count, _pool.Pages.UsedCount - reusable, reusable, _pool.Pages.Count,
                    _pool.UsedBytes - (reusable * _pool.Store.PageMemoryBytes) - (slots * _pool.Store.SlotMemoryBytes), _pool.TotalBytes, (_plan?.ScratchBytes ?? 0) + (_adaptedPlan?.ScratchBytes ?? 0) + (_hookedPlan?.ScratchBytes ?? 0) + (_encoderPlan?.ScratchBytes ?? 0) + _embeddingPlans.Values.Sum(static plan => plan.ScratchBytes), _steps, _preemptions);
            }
        }
    }

    /// <summary>The model's name for listeners.</summary>
    internal string Name { get; set; }

    /// <summary>Whether the caller is on the engine's thread, as processors, progress reports and handlers of logits are.</summary>
    internal bool IsOnThread => Thread.CurrentThread == Volatile.Read(ref _thread);

    /// <summary>What ended the engine's thread, if something did: every request fails since.</summary>
    internal Exception? Failure { get; private set; }

    /// <summary>Starts a generation on a sequence of its own.</summary>
    /// <param name="promptIds">The prompt; for an encoder-decoder model the encoder's input.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it, also while the prompt is computed.</param>
    /// <exception cref="ContextFullException">The prompt is longer than the context, and the policy is to say so.</exception>
    /// <exception cref="QueueFullException">As many requests as may wait do so already.</exception>
    /// <exception cref="UnsupportedModelException">The model is an encoder, which does not generate.</exception>
    /// <exception cref="ArgumentException">An option or an id is out of range, or there is nothing to start from.</exception>
    public GenerationStream Start(ReadOnlySpan<int> promptIds, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Start(NewSequence(isTemporary: true), promptIds, options ?? new GenerationOptions(), cancellationToken);

    /// <summary>Makes a sequence that is kept between requests.</summary>
    /// <exception cref="UnsupportedModelException">The model is an encoder, which does not generate.</exception>
    public InferenceSession CreateSession()
    {
        RequireDecoder();
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return new InferenceSession(this, NewSequence(isTemporary: false));
    }

    /// <summary>The same under adapters, for <see cref="InferenceSession.EvaluateNextAsync"/>.</summary>
    internal InferenceSession CreateSession(ImmutableArray<AdapterUse> adapters)
    {
        RequireDecoder();
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        var sequence = NewSequence(isTemporary: false);
        UseAdapters(sequence, adapters);
        return new InferenceSession(this, sequence);
    }

    /// <summary>Computes the logits of given tokens, in chunks.</summary>
    /// <param name="ids">The tokens; for an encoder-decoder model the decoder's.</param>
    /// <param name="firstOutput">The first token whose logits are wanted.</param>
    /// <param name="handler">Takes them one by one, in order, on the engine's thread.</param>
    /// <param name="encoderIds">The encoder's tokens, for an encoder-decoder model.</param>
    /// <param name="adapters">Adapters that change the model, in order.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ContextFullException">There are more tokens than the context holds.</exception>
    public Task EvaluateAsync(ReadOnlySpan<int> ids, int firstOutput, LogitsHandler handler, ReadOnlySpan<int> encoderIds = default, ImmutableArray<AdapterUse> adapters = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handler);
        ArgumentOutOfRangeException.ThrowIfNegative(firstOutput);
        RequireEvaluation(ids, encoderIds);
        var sequence = NewSequence(isTemporary: true);
        sequence.Append(ids);
        sequence.EncoderTokens = encoderIds.ToArray();
        RequireEncoderInput(sequence);
        UseAdapters(sequence, adapters);
        var request = new EvaluationRequest(sequence, firstOutput, handler, cancellationToken);
        try
        {
            Submit(request);
        }
        catch
        {
            sequence.UseAdapters(null);
            throw;
        }

        return request.Completion;
    }

    /// <summary>Checks that tokens can be computed: by themselves, before memory is taken for what comes of them.</summary>
    internal void RequireEvaluation(ReadOnlySpan<int> ids, ReadOnlySpan<int> encoderIds)
    {
        RequireDecoder();
        CheckIds(ids);
        CheckIds(encoderIds);
        if (ids.IsEmpty)
        {
            throw new ArgumentException("There is no token to compute.", nameof(ids));
        }

        if (ids.Length > ContextLength || encoderIds.Length > ContextLength)
        {
            throw new ContextFullException(Math.Max(ids.Length, encoderIds.Length), ContextLength, "or give fewer tokens");
        }
    }

    /// <summary>Appends tokens to a session's sequence and computes the logits after the last one. What has begun is not refused for the length of the queue.</summary>
    internal Task EvaluateNextAsync(Sequence sequence, ReadOnlySpan<int> ids, LogitsHandler handler, CancellationToken cancellationToken)
    {
        CheckIds(ids);
        var isBegun = sequence.Count > 0;
        AppendPrompt(sequence, ids, new GenerationOptions());
        var request = new EvaluationRequest(sequence, sequence.Count - 1, handler, cancellationToken);
        Submit(request, isBegun: isBegun);
        return request.Completion;
    }

    /// <summary>The plan as text, a line each stage.</summary>
    public string DescribePlan() => _plan?.Describe() ?? throw CannotGenerate();

    /// <summary>Ends every request and frees state and scratch; a second call does nothing.</summary>
    /// <remarks>From a callback that runs on the engine's thread it only begins: the step that the callback belongs to still uses what is freed.</remarks>
    public void Dispose()
    {
        if (IsOnThread)
        {
            lock (_gate)
            {
                _isStopping = true;
            }

            ThreadPool.UnsafeQueueUserWorkItem(static engine => engine.Dispose(), this, preferLocal: false);
            return;
        }

        lock (_lifetime)
        {
            if (_isDisposed)
            {
                return;
            }

            lock (_gate)
            {
                _isStopping = true;
                _stepCancellation.Cancel();
                Monitor.PulseAll(_gate);
            }

            _thread?.Join();

            lock (_gate)
            {
                _isDisposed = true;
            }

            Telemetry.EngineTelemetry.Remove(this);
            EndAll(new ObjectDisposedException(nameof(InferenceEngine), "The engine was disposed of while the request ran."));
            _plan?.Dispose();
            _adaptedPlan?.Dispose();
            _hookedPlan?.Dispose();
            _encoderPlan?.Dispose();
            foreach (var plan in _embeddingPlans.Values)
            {
                plan.Dispose();
            }

            _pool.Dispose();
            _stepCancellation.Dispose();
        }
    }

    /// <summary>Ends every request and frees state and scratch; a second call does nothing.</summary>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    internal GenerationStream Start(Sequence sequence, ReadOnlySpan<int> promptIds, GenerationOptions options, CancellationToken cancellationToken, int? promptTokens = null)
    {
        RequireDecoder();
        options.Validate();
        CheckIds(promptIds);
        CheckSpeculation(options.Speculation);
        if (Options.TokenLimit is { } most && (options.MaximumTokens is null || options.MaximumTokens > most))
        {
            options = options with { MaximumTokens = most };
        }

        lock (_gate)
        {
            ThrowIfFull();
            ObjectDisposedException.ThrowIf(sequence.IsDisposed, typeof(InferenceSession));
            if (sequence.Owner is not null || sequence.IsStarting)
            {
                throw new InvalidOperationException("The session is in use: a sequence belongs to one request at a time. Fork it, or wait for the other to end.");
            }

            sequence.IsStarting = true;
        }

        var before = sequence.Count;
        var uncut = before > 0 && before + promptIds.Length > ContextLength ? sequence.Tokens.ToArray() : null; // only what does not fit is cut
        try
        {
            AppendPrompt(sequence, promptIds, options);
            sequence.SetCapacity(Math.Min(sequence.Count + Math.Min(options.MaximumTokens ?? 512, ContextLength), ContextLength) + 1);
            UseAdapters(sequence, options.Adapters, options.ActivationHooks, options.ControlVectors);
            var request = new GenerationRequest(this, sequence, promptTokens ?? promptIds.Length, options, cancellationToken);
            Submit(request, TimeLimitOf(options));
            return request.Stream;
        }
        catch
        {
            // a grammar, an option or the request itself was refused: the session is as before
            sequence.CutTokens(uncut is null ? before : 0);
            sequence.Append(uncut);
            if (sequence.IsTemporary)
            {
                sequence.UseAdapters(null);
            }

            throw;
        }
        finally
        {
            lock (_gate)
            {
                sequence.IsStarting = false;
            }
        }
    }

    /// <summary>The request's own limit of time or the engine's, whichever is shorter.</summary>
    internal TimeSpan? TimeLimitOf(GenerationOptions options) => options.TimeLimit is null || Options.TimeLimit < options.TimeLimit ? Options.TimeLimit : options.TimeLimit;

    /// <summary>Says whose guesses the engine's thread is about to wait for. False when that engine waits for this one's, perhaps by way of others: none of them would go on.</summary>
    internal bool TryAwaitGuesses(InferenceEngine guesser)
    {
        Interlocked.Exchange(ref _guesser, guesser); // before it looks: of a circle that closes at once, the last one sees the others
        for (var next = guesser; next is not null; next = Volatile.Read(ref next._guesser))
        {
            if (next == this)
            {
                EndGuesses();
                return false;
            }
        }

        return true;
    }

    internal void EndGuesses() => Volatile.Write(ref _guesser, null);

    internal void Cancel(EngineRequest request)
    {
        request.MarkCancelled();
        Abandon(request);
    }

    private void Expire(EngineRequest request)
    {
        request.MarkExpired();
        Abandon(request);
    }

    private void Abandon(EngineRequest request)
    {
        lock (_gate)
        {
            // A step is abandoned for the sake of one only when most of it is the one's own; others would have to repeat theirs.
            _hasAbandoned = true;
            if (!_isDisposed && request.RowsInStep > 1 && request.RowsInStep * 2 >= _batch.Inputs.RowCount)
            {
                _stepCancellation.Cancel();
            }

            Monitor.PulseAll(_gate);
        }
    }

    internal void Wake()
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Has something done on the engine's thread, between steps, in the order of arrival.</summary>
    internal void Post(Action action)
    {
        lock (_gate)
        {
            if (!_isStopping)
            {
                _inbox.Add(action);
                StartThread();
                Monitor.PulseAll(_gate);
            }
        }
    }

    internal Sequence NewSequence(bool isTemporary) => new(_pool, _prefixes, _checkpoints) { IsTemporary = isTemporary };

    /// <summary>Lets a copy of a sequence share its state; done before any request that comes later.</summary>
    internal void Fork(Sequence sequence, Sequence copy)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        var key = sequence.Adapters?.Key; // of the state as it is now: either may be given others before the engine gets to it
        Post(() =>
        {
            copy.ShareState(sequence, key);
            if (copy.Cached > 0 && !copy.IsDisposed)
            {
                // also while a request for it waits already
                _idle.Add(copy);
            }
        });
    }

    /// <summary>Gives up a session's sequence.</summary>
    internal void Release(Sequence sequence)
    {
        EngineRequest? owner;
        lock (_gate)
        {
            if (sequence.IsDisposed)
            {
                return;
            }

            sequence.IsDisposed = true;
            owner = sequence.Owner;
        }

        if (owner is not null)
        {
            Cancel(owner);
        }

        Post(() =>
        {
            if (sequence.Owner is null)
            {
                _idle.Remove(sequence);
                sequence.DropState();
                sequence.UseAdapters(null);
            }
        });
    }

    private void AppendPrompt(Sequence sequence, ReadOnlySpan<int> promptIds, GenerationOptions options)
    {
        if (Definition.Kind == ModelKind.EncoderDecoder && sequence.Count == 0)
        {
            if (promptIds.Length > ContextLength)
            {
                throw new ContextFullException(promptIds.Length, ContextLength);
            }

            sequence.EncoderTokens = promptIds.ToArray();
            Post(sequence.DropState); // a session rewound to its beginning, or a fork of one, may hold another text's
            sequence.Append(Definition.DecoderStartId ?? Tokenizer.BeginId ?? Tokenizer.PadId ?? 0);
        }
        else
        {
            AppendText(sequence, promptIds, options);
        }

        RequireEncoderInput(sequence);
    }

    private void AppendText(Sequence sequence, ReadOnlySpan<int> promptIds, GenerationOptions options)
    {
        var total = sequence.Count + promptIds.Length;
        if (total == 0)
        {
            if (Tokenizer.BeginId is not { } begin)
            {
                throw new ArgumentException("There is nothing to start from: the prompt is empty and the model has no beginning token.", nameof(promptIds));
            }

            sequence.Append(begin);
            return;
        }

        if (total > ContextLength && options.ContextFull == ContextFullPolicy.Error)
        {
            throw new ContextFullException(total, ContextLength);
        }

        sequence.Append(promptIds);
        if (total > ContextLength)
        {
            // leave room to generate: the tokens asked for, as far as they fit into half of the context
            var room = Math.Min(options.MaximumTokens ?? (ContextLength / 4), ContextLength / 2);
            var keep = GenerationRequest.KeptHead(options, Tokenizer, sequence.Tokens, ContextLength);
            var surplus = Math.Min(total - ContextLength + room, total - keep - 1);
            sequence.RemoveTokens(keep, surplus);
            if (!sequence.IsTemporary)
            {
                Post(() => sequence.AlignState(keep)); // also when there is none yet: a fork may be about to get it
            }
        }
    }

    private void RequireDecoder()
    {
        if (_plan is null)
        {
            throw CannotGenerate();
        }
    }

    private UnsupportedModelException CannotGenerate() => new(
        $"A model of architecture '{Definition.Architecture}' is an encoder: it turns text into vectors (EmbedAsync) and cannot generate. Load a decoder or encoder-decoder model to generate.");

    private void RequireEncoderInput(Sequence sequence)
    {
        if (Definition.Kind == ModelKind.EncoderDecoder && sequence.EncoderTokens.Length == 0)
        {
            throw new ArgumentException($"A model of architecture '{Definition.Architecture}' needs tokens for its encoder.");
        }
    }

    private void CheckIds(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            if ((uint)id >= (uint)VocabularySize)
            {
                throw new ArgumentOutOfRangeException(nameof(ids), id, $"The vocabulary has the ids 0 to {VocabularySize - 1}.");
            }
        }
    }

    private void CheckSpeculation(SpeculationOptions? speculation)
    {
        if (speculation is null)
        {
            return;
        }

        if (!Definition.State.IsPositional)
        {
            throw new UnsupportedModelException($"A model of architecture '{Definition.Architecture}' keeps recurrent state, which a wrong guess cannot be taken back from: generate without {nameof(GenerationOptions.Speculation)}.");
        }

        if (speculation.DraftModel?.Engine == this)
        {
            throw new ArgumentException($"A model cannot draft for itself: {nameof(SpeculationOptions.DraftModel)} must be another, smaller one.", nameof(speculation));
        }

        if (speculation.DraftModel is { Definition.Kind: not ModelKind.Decoder } other)
        {
            throw new UnsupportedModelException($"The model '{other.Engine.Name}' has an encoder, which cannot guess how a text goes on: choose a decoder as {nameof(SpeculationOptions.DraftModel)}.");
        }

        if (speculation.DraftModel is { } draft && !(_drafter is { } known && known.TryGetTarget(out var tokenizer) && tokenizer == draft.Tokenizer))
        {
            if (VocabularyComparer.FindDifference(Tokenizer, draft.Tokenizer) is { } difference)
            {
                throw new AbiException($"The model '{draft.Engine.Name}' cannot guess for '{Name}': {difference}. The tokens of both must be the same: choose a draft model of the same family.");
            }

            _drafter = new WeakReference<Tokenizer>(draft.Tokenizer);
        }
    }

    private void CheckContext(Graph graph, int trained)
    {
        if (trained <= 0 || ContextLength <= trained)
        {
            return;
        }

        foreach (var positions in graph.Operations.OfType<EmbedPositions>())
        {
            if (ContextLength > positions.Table.Rows - positions.Offset)
            {
                throw new AbiException($"A context of {ContextLength} tokens was asked for, but the model has learned positions for {positions.Table.Rows - positions.Offset} only. Set ContextLength to that or less.");
            }
        }

        EngineLog.ContextBeyondTraining(_logger, ContextLength, trained);
    }

    private static AbiException Failed(Exception exception) => new("The inference engine failed; load the model anew.", exception);

    /// <summary>Refuses what comes when the engine has ended, and says how it did. Under the lock.</summary>
    private void ThrowIfEnded()
    {
        if (Failure is { } failure && !_isDisposed)
        {
            throw Failed(failure);
        }

        ObjectDisposedException.ThrowIf(_isStopping, this);
    }

    /// <summary>Refuses what comes when as many requests wait as may. Under the lock.</summary>
    private void ThrowIfFull()
    {
        if (Options.QueueLimit is not { } limit)
        {
            return;
        }

        // those that just came and will find a place at once do not wait; nor do those that wait for their own readers
        var waiting = _waiting.Count(static request => !request.IsBlocked);
        var places = waiting > 0 ? 0 : Math.Max(0, MostActive - _active.Count);
        var arrived = _inbox.Count(static item => item is EngineRequest);
        if (arrived >= places && waiting + arrived - places >= limit)
        {
            throw new QueueFullException($"The engine of '{Name}'", limit, $"raise {nameof(EngineOptions.QueueLimit)} or {nameof(EngineOptions.MaximumSequences)}");
        }
    }

    private void Submit(EngineRequest request, TimeSpan? timeLimit = null, bool isBegun = false)
    {
        lock (_gate)
        {
            ThrowIfEnded();
            if (!isBegun)
            {
                ThrowIfFull();
            }

            // before the engine can get to it, so that it lets go of both when the request ends, and does not begin one that is cancelled already
            request.Sequence.Owner = request;
            request.Engine = this;
            if (timeLimit is { } limit)
            {
                request.Deadline = new Timer(static state => ((EngineRequest)state!).Engine!.Expire((EngineRequest)state), request, limit, Timeout.InfiniteTimeSpan);
            }

            if (request.CancellationToken.CanBeCanceled)
            {
                request.Registration = request.CancellationToken.UnsafeRegister(static state => ((EngineRequest)state!).Engine!.Cancel((EngineRequest)state), request);
            }

            _inbox.Add(request);
            StartThread();
            Monitor.PulseAll(_gate);
        }
    }

    private void StartThread()
    {
        if (_thread is null)
        {
            _thread = new Thread(Run) { IsBackground = true, Name = "Abi inference" };
            _thread.Start();
        }
    }
}
