using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Numerics;
using Abi.Compute.Graphs;
using Abi.Llm.Models;

namespace Abi.Llm.Engine;

/// <summary>Embeddings: texts of any callers share steps, which take turns with those of generations.</summary>
public sealed partial class InferenceEngine
{
    private readonly ConcurrentDictionary<EmbeddingPooling, Graph> _embeddingGraphs = [];
    private readonly Dictionary<EmbeddingPooling, EmbeddingPlan> _embeddingPlans = []; // changed by the engine's thread under the lock
    private readonly List<EmbeddingRequest> _embeddings = [];                          // those with texts that no step has taken; the first leads the next step
    private readonly List<(EmbeddingRequest Request, int Text)> _embeddingStep = [];   // what the step that runs computes
    private readonly List<int[]> _embeddingTexts = [];                                 // the same, as ids

    /// <summary>Turns texts into vectors, as many at once as a step holds.</summary>
    /// <param name="texts">The tokens of each text; each is computed whole.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>A result for each text, in their order.</returns>
    /// <exception cref="ContextFullException">A text is longer than the context, and is not to be truncated.</exception>
    /// <exception cref="UnsupportedModelException">A score is asked for, and the model has no head for it.</exception>
    /// <exception cref="ArgumentException">An option or an id is out of range, or a text has no tokens.</exception>
    public async Task<ImmutableArray<EmbeddingResult>> EmbedAsync(IReadOnlyList<ReadOnlyMemory<int>> texts, EmbeddingOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        options ??= new EmbeddingOptions();
        options.Validate();
        var pooling = options.Pooling ?? Definition.DefaultPooling;
        var width = EmbeddingGraph(pooling).Find("embeddings")!.Width;
        if (options.Dimensions > width)
        {
            throw new ArgumentException($"{nameof(options.Dimensions)} is {options.Dimensions}; the model's vectors have {width} components.", nameof(options));
        }

        var ids = new int[texts.Count][];
        for (var i = 0; i < ids.Length; i++)
        {
            CheckIds(texts[i].Span);
            ids[i] = texts[i].Length <= ContextLength ? texts[i].ToArray()
                : options.Truncate ? Truncated(texts[i].Span)
                : throw new ContextFullException(texts[i].Length, ContextLength, $"shorten text {i}, or have it cut: {nameof(EmbeddingOptions)}.{nameof(EmbeddingOptions.Truncate)}");
            if (ids[i].Length == 0)
            {
                throw new ArgumentException($"Text {i} has no tokens, so there is nothing to embed.", nameof(texts));
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (ids.Length == 0)
        {
            return [];
        }

        var request = new EmbeddingRequest(pooling, ids, cancellationToken);
        lock (_gate)
        {
            ThrowIfEnded();
            if (_embeddings.Count > Options.QueueLimit)
            {
                throw new QueueFullException($"The engine of '{Name}'", Options.QueueLimit.Value, $"raise {nameof(EngineOptions.QueueLimit)}");
            }

            _embeddings.Add(request);
            StartThread();
            Monitor.PulseAll(_gate);
        }

        using (cancellationToken.UnsafeRegister(
            static state =>
            {
                var (engine, cancelled) = ((InferenceEngine, EmbeddingRequest))state!;
                engine.Cancel(cancelled);
            },
            (this, request)))
        {
            await request.Completion.ConfigureAwait(false);
        }

        return [.. ids.Select((text, i) => new EmbeddingResult(EmbeddingVectors.Finish(request.Values[i], width, options), options.Dimensions ?? width, text.Length, pooling))];
    }

    /// <summary>The graph for a pooling; made once.</summary>
    internal Graph EmbeddingGraph(EmbeddingPooling pooling)
    {
        try
        {
            return _embeddingGraphs.GetOrAdd(pooling, static (pooling, definition) => definition.EmbeddingGraph(pooling), Definition);
        }
        catch (NotSupportedException exception)
        {
            throw new UnsupportedModelException(exception.Message);
        }
    }

    private bool HasEmbeddings => _embeddings.Count > 0;

    private void Cancel(EmbeddingRequest request)
    {
        lock (_gate)
        {
            request.Cancel();
            _embeddings.Remove(request);

            // a step is abandoned when nobody wants any of it
            if (!_isDisposed && _embeddingStep.Count > 0 && _embeddingStep.TrueForAll(static entry => entry.Request.IsOver))
            {
                _stepCancellation.Cancel();
            }
        }
    }

    /// <summary>Runs one step of texts, if any wait.</summary>
    private void EmbedStep()
    {
        EmbeddingPlan? plan;
        CancellationToken cancellation;
        lock (_gate)
        {
            cancellation = _stepCancellation.Token;
        }

        try
        {
            plan = TakeTexts();
        }
        catch (Exception exception)
        {
            FailEmbeddings(exception);
            return;
        }

        if (plan is null)
        {
            return;
        }

        try
        {
            var values = plan.Run(_embeddingTexts, cancellation);
            Distribute(plan, values);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            lock (_gate)
            {
                GiveBackTexts();
                if (!_isStopping)
                {
                    _stepCancellation.Dispose();
                    _stepCancellation = new CancellationTokenSource();
                }
            }
        }
        catch (Exception exception)
        {
            EngineLog.StepFailed(_logger, exception, _embeddingTexts.Sum(static text => text.Length));
            FailEmbeddings(exception);
        }

        lock (_gate)
        {
            _embeddingStep.Clear();
            _embeddingTexts.Clear();
        }
    }

    /// <summary>
    /// Fills a step from the first request on, with texts of its pooling. It goes behind the others if it has more, so that nobody waits for all texts of another. Null when there is nothing to do.
    /// </summary>
    private EmbeddingPlan? TakeTexts()
    {
        EmbeddingRequest first;
        int length;
        lock (_gate)
        {
            if (!HasEmbeddings || _isStopping)
            {
                return null;
            }

            first = _embeddings[0];
            length = first.Texts[first.Taken].Length;
        }

        var pooling = first.Pooling;
        var plan = PlanFor(pooling, length);
        lock (_gate)
        {
            // those that generate meanwhile must not stall
            var limit = _active.Count == 0 ? plan.MaximumRows : Math.Min(plan.MaximumRows, Math.Max(length, Options.MaximumPromptRowsBesideDecode));
            var rows = 0;
            foreach (var request in _embeddings)
            {
                while (request.Pooling == pooling && request.Taken < request.Texts.Count
                    && _embeddingTexts.Count < plan.MaximumTexts && rows + request.Texts[request.Taken].Length <= limit)
                {
                    rows += request.Texts[request.Taken].Length;
                    _embeddingTexts.Add(request.Texts[request.Taken]);
                    _embeddingStep.Add((request, request.Taken++));
                }
            }

            if (_embeddings.Remove(first))
            {
                _embeddings.Add(first);
            }

            _embeddings.RemoveAll(static request => request.Taken == request.Texts.Count);
            _steps++;
        }

        return _embeddingTexts.Count == 0 ? null : plan; // the texts may have been cancelled meanwhile
    }

    /// <summary>The plan for a pooling, large enough for a text.</summary>
    private EmbeddingPlan PlanFor(EmbeddingPooling pooling, int length)
    {
        if (_embeddingPlans.TryGetValue(pooling, out var plan) && plan.MaximumRows >= length)
        {
            return plan;
        }

        var rows = Math.Max(Options.MaximumRows, (int)Math.Min((uint)Math.Max(ContextLength, length), BitOperations.RoundUpToPowerOf2((uint)length)));
        EmbeddingPlan larger;
        try
        {
            larger = new EmbeddingPlan(_device, EmbeddingGraph(pooling), Options, rows, _logger);
        }
        catch (OutOfMemoryException exception)
        {
            throw new AbiException($"There is not enough memory to embed a text of {length} tokens. Embed shorter texts, or load the model with smaller MaximumRows.", exception);
        }

        lock (_gate)
        {
            plan?.Dispose();
            _embeddingPlans[pooling] = larger;
        }

        return larger;
    }

    private void Distribute(EmbeddingPlan plan, ReadOnlySpan<float> values)
    {
        var row = 0;
        foreach (var (request, text) in _embeddingStep)
        {
            var rows = plan.IsByToken ? request.Texts[text].Length : 1;
            request.Values[text] = values.Slice(row * plan.Width, rows * plan.Width).ToArray();
            row += rows;
        }

        lock (_gate)
        {
            foreach (var (request, _) in _embeddingStep)
            {
                if (++request.Done == request.Texts.Count)
                {
                    request.Succeed();
                }
            }
        }
    }

    /// <summary>Texts of an abandoned step that are still wanted wait again: it may have been abandoned for the sake of a request of the step before. Under the lock.</summary>
    private void GiveBackTexts()
    {
        for (var i = _embeddingStep.Count - 1; i >= 0; i--)
        {
            var (request, text) = _embeddingStep[i];
            request.Taken = text;
            if (!request.IsOver && !_embeddings.Contains(request))
            {
                _embeddings.Insert(0, request);
            }
        }
    }

    /// <summary>Ends the requests that take part in the step, or that would have.</summary>
    private void FailEmbeddings(Exception exception)
    {
        lock (_gate)
        {
            if (_embeddingStep.Count == 0 && HasEmbeddings)
            {
                _embeddingStep.Add((_embeddings[0], 0)); // its plan could not be made
            }

            foreach (var (request, _) in _embeddingStep)
            {
                _embeddings.Remove(request);
                request.Fail(exception is AbiException ? exception : new AbiException("A step of the model failed.", exception));
            }

            _embeddingStep.Clear();
            _embeddingTexts.Clear();
        }
    }

    /// <summary>Ends every request for embeddings. Under the lock, when the engine ends.</summary>
    private void EndEmbeddings(Exception exception)
    {
        foreach (var request in _embeddings.Concat(_embeddingStep.Select(static entry => entry.Request)))
        {
            request.Fail(exception);
        }

        _embeddings.Clear();
        _embeddingStep.Clear();
    }

    /// <summary>The first tokens that fit, and at the end the closing special token that the text ended with.</summary>
    private int[] Truncated(ReadOnlySpan<int> ids)
    {
        var cut = ids[..ContextLength].ToArray();
        if (ids[^1] == Tokenizer.SeparatorId || ids[^1] == Tokenizer.EndId)
        {
            cut[^1] = ids[^1];
        }

        return cut;
    }
}
