using System.Diagnostics;
using Abi.Compute.Devices;

namespace Abi.Llm.Engine;

/// <summary>The engine's thread: admit, build a step, run it, hand out its results.</summary>
public sealed partial class InferenceEngine
{
    private readonly Queue<(EngineRequest Request, Exception? Exception)> _finished = []; // who waits for them is still to be told
    private int _encoderLength;
    private EngineRequest? _unplaced; // the first that waits, when there was no room for it
    private long _releasesThen;       // and what had been let go of until then

    private void Run()
    {
        try
        {
            while (Prepare(out var encoding))
            {
                if (encoding is not null)
                {
                    Encode(encoding);
                }
                else if (_batch.Requests.Count > 0)
                {
                    Step();
                }

                EmbedStep();
            }
        }
        catch (Exception exception)
        {
            // nothing that a request does gets here; whatever it is, nobody may wait for ever
            lock (_gate)
            {
                _isStopping = true;
                Failure = exception;
            }

            EndAll(Failed(exception));
            try
            {
                EngineLog.ThreadFailed(_logger, exception);
            }
            catch (Exception)
            {
                // A logger that throws may be what ended the thread; an exception that leaves a thread would end the process.
            }
        }
    }

    /// <summary>Waits until there is something to do and builds the next step. False when the engine stops.</summary>
    private bool Prepare(out EngineRequest? encoding)
    {
        encoding = null;
        lock (_gate)
        {
            while (true)
            {
                if (_isStopping)
                {
                    return false;
                }

                ReadInbox();
                RemoveCancelled();
                Admit();
                Reserve();
                if (_finished.Count > 0)
                {
                    break; // told outside the lock
                }

                encoding = _active.Find(request => request.Sequence.EncoderTokens.Length > 0 && !request.Sequence.IsEncoded && !request.IsHeld);
                if (encoding is not null || _batch.Build(_active, Options.MaximumRows, Options.MaximumPromptRowsBesideDecode, _maximumOutputs) || HasEmbeddings)
                {
                    return true;
                }

                Monitor.Wait(_gate);
            }
        }

        _batch.Clear();
        TellFinished();
        return true;
    }

    private void ReadInbox()
    {
        // only the engine's thread takes from the inbox; others add at its end under the lock
        for (var i = 0; i < _inbox.Count; i++)
        {
            if (_inbox[i] is EngineRequest request)
            {
                Enqueue(request, first: false);
            }
            else
            {
                ((Action)_inbox[i])();
                _unplaced = null; // it may have made a sequence idle, whose state can be taken
            }
        }

        _inbox.Clear();
    }

    private void RemoveCancelled()
    {
        if (!_hasAbandoned)
        {
            return; // thousands may wait, and this is asked before every step
        }

        _hasAbandoned = false;
        RemoveFrom(_waiting);
        RemoveFrom(_active);

        void RemoveFrom(List<EngineRequest> requests)
        {
            for (var i = requests.Count - 1; i >= 0; i--)
            {
                var request = requests[i];
                if (request.IsCancelled)
                {
                    Finish(request, new OperationCanceledException(request.CancellationToken));
                    requests.RemoveAt(i);
                }
                else if (request.IsExpired)
                {
                    request.OnExpired();
                    Finish(request, null);
                    requests.RemoveAt(i);
                }
            }
        }
    }

    /// <summary>Puts a request among those that wait: behind those of its own and of higher priorities, or before its equals.</summary>
    private void Enqueue(EngineRequest request, bool first)
    {
        var at = _waiting.Count;
        while (at > 0 && (first ? _waiting[at - 1].Priority <= request.Priority : _waiting[at - 1].Priority < request.Priority))
        {
            at--;
        }

        _waiting.Insert(at, request);
    }

    /// <summary>The most sequences of a step: each has a row and perhaps an output in it, so none waits for the others to end.</summary>
    private int MostActive => Math.Min(Options.MaximumSequences, Math.Min(Options.MaximumRows, Math.Max(1, _maximumOutputs)));

    private long Releases => _pool.Pages.Releases + _pool.Slots.Releases;

    private void Admit()
    {
        var next = 0;
        while (next < _waiting.Count)
        {
            var request = _waiting[next];
            if (request.IsBlocked)
            {
                next++; // its reader has to catch up first
                continue;
            }

            if (request == _unplaced && Releases == _releasesThen && !_active.Exists(static other => other.IsBlocked))
            {
                return; // as little room as at the step before; looking takes as long as the prompt has pages
            }

            if (_active.Count >= MostActive)
            {
                if (!PreemptBlocked() && !PreemptLower(request))
                {
                    return;
                }

                next = _waiting.IndexOf(request);
            }

            var sequence = request.Sequence;
            var wasIdle = _idle.Remove(sequence);
            if (sequence.Cached >= sequence.Count)
            {
                sequence.AlignState(sequence.Count - 1); // the last token's output is what the next one is chosen from
            }

            sequence.TakeKnownPages(request.ReuseLimit);
            var isReserved = TryReserve(sequence);
            while (!isReserved && (PreemptBlocked() || PreemptLower(request)))
            {
                next = _waiting.IndexOf(request);
                isReserved = TryReserve(sequence);
            }

            if (!isReserved)
            {
                if (wasIdle)
                {
                    _idle.Add(sequence);
                }
                else
                {
                    sequence.DropState(); // what is held while waiting is missing to those that run, and to whoever is next
                }

                if (_active.Count > 0)
                {
                    if (_prefixes is not null)
                    {
                        request.ChooseLeader(_active);
                    }

                    (_unplaced, _releasesThen) = (request.Leader is null ? request : null, Releases); // what another computes of its prompt will take no room of its own
                    return; // room comes when one of them ends
                }

                _waiting.RemoveAt(next);
                Finish(request, new AbiException($"The cache of {_pool.Pages.Count * StateStore.PageLength} tokens is too small for a sequence of {sequence.Count}. Load the model with larger CacheTokens."));
                continue;
            }

            _waiting.RemoveAt(next);
            if (_prefixes is not null)
            {
                request.ChooseLeader(_active);
            }

            _active.Add(request);
            request.IsActive = true;
            request.OnAdmitted();
        }
    }

    /// <summary>Lets the youngest sequence whose reader has fallen behind wait, with its state computed anew later: it must not hold up those that are read.</summary>
    private bool PreemptBlocked()
    {
        var blocked = _active.FindLast(static request => request.IsBlocked);
        if (blocked is not null)
        {
            Preempt(blocked);
        }

        return blocked is not null;
    }

    /// <summary>Lets the youngest of the lowest priority wait, if that is below the request's.</summary>
    private bool PreemptLower(EngineRequest request)
    {
        if (_active.Count == 0 || Victim() is var victim && victim.Priority >= request.Priority)
        {
            return false;
        }

        Preempt(victim);
        return true;
    }

    /// <summary>Of the active requests of the lowest priority, the youngest.</summary>
    private EngineRequest Victim()
    {
        var victim = _active[0];
        foreach (var request in _active)
        {
            victim = request.Priority <= victim.Priority ? request : victim;
        }

        return victim;
    }

    /// <summary>Makes room for what the active sequences write next; when there is none, the youngest of the lowest priority goes back to waiting.</summary>
    private void Reserve()
    {
        for (var i = 0; i < _active.Count; i++)
        {
            var request = _active[i];
            request.IsHeld = request.IsBlocked;
            if (request.IsHeld || TryReserve(request.Sequence))
            {
                continue;
            }

            request.DropDrafts();
            while (!TryReserve(request.Sequence))
            {
                var victim = Victim();
                if (victim != request)
                {
                    var before = _active.IndexOf(victim) < i;
                    Preempt(victim);
                    i -= before ? 1 : 0;
                    continue;
                }

                if (_active.Count > 1)
                {
                    Preempt(request);
                }
                else
                {
                    _active.RemoveAt(i);
                    Finish(request, new AbiException($"The cache of {_pool.Pages.Count * StateStore.PageLength} tokens is too small for a sequence of {request.Sequence.Count}. Load the model with larger CacheTokens."));
                }

                i--; // the next one has moved here
                break;
            }
        }
    }

    private bool TryReserve(Sequence sequence)
    {
        while (!(sequence.State.TryReserve(0, sequence.Count) && (sequence.EncoderTokens.Length == 0 || sequence.IsEncoded || sequence.State.TryReserve(1, sequence.EncoderTokens.Length))))
        {
            if (_prefixes?.TryEvict() == true || _checkpoints?.TryEvict() == true)
            {
                continue;
            }

            if (_idle.Count == 0)
            {
                return false;
            }

            _idle[0].DropState(); // computed anew when it is used again
            _idle.RemoveAt(0);
        }

        return true;
    }

    private void Preempt(EngineRequest request)
    {
        EngineLog.Preempted(_logger, request.Sequence.Count);
        _preemptions++;
        _active.Remove(request);
        request.IsActive = false;
        request.DropDrafts();
        request.Sequence.DropState();
        Enqueue(request, first: true);
    }

    private void Step()
    {
        foreach (var request in _batch.Requests)
        {
            request.Started = request.Started == 0 ? Stopwatch.GetTimestamp() : request.Started;
        }

        ReadOnlySpan<float> logits;
        try
        {
            var plan = _batch.HasHooks ? HookedPlan() : _batch.HasAdapters ? AdaptedPlan() : _plan!;
            plan.Run(_batch.Inputs, _pool.Store, _stepCancellation.Token);
            logits = plan.Read(plan.Graph.Outputs[0]);
        }
        catch (OperationCanceledException) when (_stepCancellation.IsCancellationRequested)
        {
            lock (_gate)
            {
                _batch.Clear();
                if (!_isStopping)
                {
                    _stepCancellation.Dispose();
                    _stepCancellation = new CancellationTokenSource();
                }
            }

            return; // what the step wrote is stale and will be written again
        }
        catch (Exception exception)
        {
            EngineLog.StepFailed(_logger, exception, _batch.Inputs.RowCount);
            EndStep(exception is AbiException ? exception : new AbiException("A step of the model failed.", exception));
            return;
        }

        var output = 0;
        lock (_gate)
        {
            _steps++;
            foreach (var request in _batch.Requests)
            {
                request.Sequence.Advance(request.RowsInStep, request.Drafted); // which makes pages known, and statistics go through those
            }
        }

        for (var i = 0; i < _batch.Requests.Count; i++)
        {
            var request = _batch.Requests[i];
            var outputs = request.OutputsInStep;
            try
            {
                if (request.Sequence.Adapters?.Hooks?.Failure is { } failure)
                {
                    request.Sequence.DropState();
                    System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
                }

                if (request.OnStep(logits.Slice(output * VocabularySize, outputs * VocabularySize), _candidates))
                {
                    MarkFinished(request, null);
                }
            }
            catch (Exception exception)
            {
                // a user's processor or callback, or logits that are no numbers: this request's affair only
                MarkFinished(request, exception);
            }

            output += outputs;
        }

        lock (_gate)
        {
            _batch.Clear();
        }

        TellFinished();
    }

    private void Encode(EngineRequest request)
    {
        var sequence = request.Sequence;
        var length = sequence.EncoderTokens.Length;
        try
        {
            if (_encoderPlan is null || _encoderLength < length)
            {
                var rows = Math.Max(Options.MaximumRows, Math.Min(ContextLength, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)length)));
                var plan = _device.Lower(Definition.EncoderGraph!, new LoweringOptions
                {
                    Activations = Options.Activations, MaximumRows = Math.Max(rows, length), MaximumOutputs = 1, MaximumSequences = 1, Repack = Options.Repack, Logger = _logger,
                });
                lock (_gate)
                {
                    _encoderPlan?.Dispose();
                    _encoderPlan = plan;
                    _encoderLength = Math.Max(rows, length);
                }
            }

            var inputs = _batch.Inputs;
            lock (_gate)
            {
                _batch.Clear();
                var step = inputs.AddSequence();
                step.Slot = sequence.State.Slot;
                for (var group = 0; group < sequence.State.Groups; group++)
                {
                    step.SetPages(group, sequence.State.Table(group).Pages, group == 1 ? length : 0);
                }

                for (var i = 0; i < length; i++)
                {
                    inputs.AddRow(sequence.EncoderTokens[i], i, wantsOutput: false);
                }

                request.RowsInStep = length;
                _batch.Requests.Add(request);
            }

            request.Started = request.Started == 0 ? Stopwatch.GetTimestamp() : request.Started;
            _encoderPlan.Run(inputs, _pool.Store, _stepCancellation.Token);
            sequence.IsEncoded = true;
            sequence.State.Advance(1, length);
        }
        catch (OperationCanceledException) when (_stepCancellation.IsCancellationRequested)
        {
            lock (_gate)
            {
                if (!_isStopping)
                {
                    _stepCancellation.Dispose();
                    _stepCancellation = new CancellationTokenSource();
                }
            }
        }
        catch (Exception exception)
        {
            EngineLog.StepFailed(_logger, exception, length);
            MarkFinished(request, exception is AbiException ? exception : new AbiException("The encoder's pass failed.", exception));
        }

        lock (_gate)
        {
            _batch.Clear();
        }

        TellFinished();
    }

    private void EndStep(Exception exception)
    {
        foreach (var request in _batch.Requests)
        {
            request.Sequence.DropState(); // how far the step came, nobody knows
            MarkFinished(request, exception);
        }

        lock (_gate)
        {
            _batch.Clear();
        }

        TellFinished();
    }

    private void MarkFinished(EngineRequest request, Exception? exception)
    {
        lock (_gate)
        {
            if (_active.Remove(request))
            {
                Finish(request, exception);
            }
        }
    }

    /// <summary>Settles the state of a request that is over; who waits for it is told by <see cref="TellFinished"/>, outside the lock.</summary>
    private void Finish(EngineRequest request, Exception? exception)
    {
        var sequence = request.Sequence;
        _unplaced = null;
        request.DropDrafts();
        sequence.Owner = null;
        request.IsActive = false;
        _idle.Remove(sequence);
        if (sequence.IsTemporary || sequence.IsDisposed)
        {
            sequence.AddCheckpoint();
            sequence.DropState();
            sequence.UseAdapters(null);
        }
        else
        {
            _idle.Add(sequence);
        }

        _finished.Enqueue((request, exception));
    }

    private void TellFinished()
    {
        while (_finished.TryDequeue(out var finished))
        {
            finished.Request.Registration.Unregister();
            finished.Request.Deadline?.Dispose();
            try
            {
                finished.Request.OnEnded(finished.Exception);
            }
            catch (Exception exception)
            {
                try
                {
                    EngineLog.StepFailed(_logger, exception, 0);
                }
                catch (Exception)
                {
                    // A logger that throws, too, must not keep the others from being told.
                }
            }
        }
    }

    private void EndAll(Exception exception)
    {
        lock (_gate)
        {
            ReadInboxOnEnd();
            EndEmbeddings(exception);
            foreach (var request in _waiting)
            {
                Finish(request, exception);
            }

            foreach (var request in _active)
            {
                Finish(request, exception);
            }

            _waiting.Clear();
            _active.Clear();
        }

        _ended.TrySetResult(exception);
        TellFinished();
    }

    private void ReadInboxOnEnd()
    {
        foreach (var request in _inbox.OfType<EngineRequest>())
        {
            _waiting.Add(request);
        }

        _inbox.Clear();
    }
}
