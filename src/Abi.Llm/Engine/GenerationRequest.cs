using System.Diagnostics;
using System.Text;
using Abi.Llm.Grammars;
using Abi.Llm.Sampling;
using Abi.Llm.Speculation;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Engine;

/// <summary>Generates tokens on one sequence until something ends it.</summary>
internal sealed class GenerationRequest : EngineRequest
{
    private readonly GenerationOptions _options;
    private readonly Tokenizer _tokenizer;
    private readonly int _contextLength;
    private readonly int _vocabularySize;
    private readonly SamplerChain _chain;
    private readonly Detokenizer _detokenizer;
    private readonly StopMatcher _stops;
    private readonly GrammarState? _grammar;
    private readonly Drafter? _drafter;
    private readonly int[] _drafts = [];
    private readonly int _promptTokens;
    private readonly List<HeldToken> _heldTokens = [];
    private byte[] _held = new byte[256]; // text that is not released yet: [_heldLength]
    private int _heldLength;
    private int _cachedAtStart;
    private int _computedAtFirst;
    private int _generated;
    private int _drafted;
    private int _accepted;
    private long _firstToken;
    private long _lastToken;
    private FinishReason _reason = FinishReason.Cancelled;
    private int? _stopToken;
    private string? _stopString;

    public GenerationRequest(InferenceEngine engine, Sequence sequence, int promptTokens, GenerationOptions options, CancellationToken cancellationToken)
        : base(sequence, cancellationToken)
    {
        var tokenizer = engine.Tokenizer;
        _options = options;
        _tokenizer = tokenizer;
        _contextLength = engine.ContextLength;
        _vocabularySize = engine.VocabularySize;
        _promptTokens = promptTokens;
        var sampling = options.Sampling.Over(engine.Definition.RecommendedSampling);
        if (options.IgnoreEndOfGeneration)
        {
            sampling = sampling with { LogitBias = sampling.LogitBias.SetItems(tokenizer.EndOfGenerationIds.Select(id => KeyValuePair.Create(id, float.NegativeInfinity))) };
        }

        _chain = SamplerChain.Create(sampling, _vocabularySize, tokenizer);
        if (options.ResumeSampling && sequence.SamplerState is { } state)
        {
            _chain.RestoreState(state);
        }

        if (options.Grammar is { } grammar)
        {
            _grammar = grammar.Start(tokenizer);
            RequireRoom(_grammar, TokensLeft(sequence.Count));
        }

        _detokenizer = new Detokenizer(tokenizer, options.ShowSpecialTokens || _grammar is not null, [.. options.ShownTokens]);
        _stops = new StopMatcher(options.StopStrings);
        if (options.Speculation is { } speculation)
        {
            _drafts = new int[Math.Min(speculation.MaximumTokens, _contextLength)];
            _drafter = speculation.DraftModel is { } model
                ? new ModelDrafter(model, engine, cancellationToken)
                : new PromptLookupDrafter(speculation.LongestMatch, speculation.ShortestMatch);
        }

        Stream = new GenerationStream(this, options.BufferedTokens, _chain.Seed) { Engine = engine };
    }

    public GenerationStream Stream { get; }

    public override bool IsBlocked => Stream.IsFull;

    public override int Priority => _options.Priority;

    public override int FirstOutput => _options.MaximumTokens == 0 ? int.MaxValue : Sequence.Count - Drafted - 1;

    public override void OnExpired() => _reason = FinishReason.TimeLimit;

    public override void OnAdmitted() => Sequence.SetTableCapacity();

    public override bool OnStep(ReadOnlySpan<float> logits, Candidates candidates)
    {
        if (_generated == 0)
        {
            _cachedAtStart = _computedAtFirst == 0 ? Sequence.Cached - RowsInStep : _cachedAtStart;
            _computedAtFirst += RowsInStep;
            _options.PromptProgress?.Report(new PromptProgress(Sequence.Cached, Sequence.Count));
        }

        if (OutputsInStep == 0)
        {
            return Sequence.Pending == 0 && End(FinishReason.Length);
        }

        // with guesses there is a row after each: it counts as long as the guess is what was chosen
        for (var row = 0; row < OutputsInStep && Sequence.Pending == 0; row++)
        {
            if (OnLogits(logits.Slice(row * _vocabularySize, _vocabularySize), candidates))
            {
                return true;
            }
        }

        Guess();
        return false;
    }

    public override void OnEnded(Exception? exception)
    {
        if (exception is not null)
        {
            _reason = exception is OperationCanceledException ? FinishReason.Cancelled : FinishReason.Failed;
        }

        if (_reason != FinishReason.StopString)
        {
            Reserve(64);
            _heldLength += _detokenizer.Flush(_held.AsSpan(_heldLength));
        }

        Release(_heldLength, all: true);
        _drafter?.Dispose();
        Sequence.SamplerState = Sequence.IsTemporary ? null : _chain.SaveState();
        var started = Started == 0 ? Stopwatch.GetTimestamp() : Started;
        var first = _generated == 0 ? Stopwatch.GetTimestamp() : _firstToken;
        var outcome = new GenerationOutcome
        {
            FinishReason = _reason,
            StopTokenId = _stopToken,
            StopString = _stopString,
            IsGrammarComplete = _grammar is null ? null : _grammar.IsComplete && _reason is not (FinishReason.Cancelled or FinishReason.Failed or FinishReason.StopString or FinishReason.TimeLimit),
            Seed = _chain.Seed,
            DraftedTokens = _drafted,
            AcceptedTokens = _accepted,
            Usage = new GenerationUsage(_promptTokens, _cachedAtStart, _generated),
            Timings = new GenerationTimings(
                Stopwatch.GetElapsedTime(Queued, started), Stopwatch.GetElapsedTime(started, first),
                _generated == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_firstToken, _lastToken), _computedAtFirst, _generated),
        };
        try
        {
            Telemetry.EngineTelemetry.Record(outcome, Engine?.Name ?? string.Empty);
        }
        finally
        {
            Stream.Complete(outcome, exception); // whatever a listener of the program throws, the reader must not wait for ever
        }
    }

    /// <summary>Chooses the next token from its logits: [vocabulary]. True when it ends the request.</summary>
    private bool OnLogits(ReadOnlySpan<float> logits, Candidates candidates)
    {
        var count = Sequence.Count - Drafted;
        var guess = Drafted > 0 ? Sequence.Tokens[count] : -1;
        var (id, top) = Choose(logits, candidates, count);
        if (id < 0)
        {
            return End(FinishReason.StopToken);
        }

        _lastToken = Stopwatch.GetTimestamp();
        _firstToken = _generated++ == 0 ? _lastToken : _firstToken;
        if (!_options.IgnoreEndOfGeneration && _tokenizer.IsEndOfGeneration(id) || _options.StopTokens.Contains(id))
        {
            _stopToken = id;
            return End(FinishReason.StopToken);
        }

        if (id == guess)
        {
            Drafted--;
            _accepted++;
        }
        else
        {
            DropDrafts();
            Sequence.Append(id);
        }

        if (_grammar is not null && !_grammar.TryAccept(id))
        {
            throw new AbiException($"The token {id} was chosen although the grammar forbids it: a sampler made minus infinity finite.");
        }

        var logProbability = _options.LogProbabilities is null ? float.NaN : logits[id] - LogitKernels.LogSumExp(logits);
        if (Emit(id, logProbability, top))
        {
            return End(FinishReason.StopString);
        }

        if (_grammar is { IsFinished: true })
        {
            return End(FinishReason.StopToken);
        }

        if (_generated == _options.MaximumTokens)
        {
            return End(FinishReason.Length);
        }

        return Sequence.Count - Drafted > _contextLength && MakeRoom();
    }

    /// <summary>Chooses the token that follows so many, -1 for the end, and finds the likeliest ones where they are wanted.</summary>
    private unsafe (int Id, TokenLogProbability[]? Top) Choose(ReadOnlySpan<float> logits, Candidates candidates, int count)
    {
        fixed (float* address = logits)
        {
            candidates.Lend(address, logits.Length);
            try
            {
                var top = TopOf(candidates);
                return (_chain.Sample(candidates, Sequence.Tokens[..count], _grammar, _grammar is null ? null : TokensLeft(count)), top);
            }
            finally
            {
                candidates.TakeBack();
            }
        }
    }

    /// <summary>How many tokens may still come after so many; null for any number.</summary>
    private int? TokensLeft(int count)
    {
        var room = _options.ContextFull == ContextFullPolicy.Shift ? int.MaxValue : Math.Max(0, _contextLength - count);
        var left = Math.Min(room, (_options.MaximumTokens ?? int.MaxValue) - _generated);
        return left == int.MaxValue ? null : left;
    }

    internal static void RequireRoom(GrammarState grammar, int? left)
    {
        if (left is { } limit && grammar.FewestTokens(limit) is var needed && needed > limit)
        {
            throw new GrammarException(
                $"The shortest text of the grammar takes {needed} tokens, but only {limit} may come. Raise MaximumTokens, shorten the prompt, or load the model with a larger ContextLength.") { Remedy = nameof(GenerationOptions.MaximumTokens) };
        }
    }

    /// <summary>
    /// Guesses what comes next, as far as there is room and any use for it: not while what comes before has to be computed anew, in steps that might end between guesses.
    /// </summary>
    private void Guess()
    {
        var room = Math.Min(_contextLength - Sequence.Count, (_options.MaximumTokens ?? int.MaxValue) - _generated - 1);
        if (_drafter is null || room <= 0 || Sequence.Pending > 1)
        {
            return;
        }

        var drafts = _drafts.AsSpan(0, Math.Min(room, _drafts.Length));
        drafts = drafts[.._drafter.Propose(Sequence.Tokens, drafts)];
        foreach (var draft in drafts)
        {
            if ((uint)draft >= (uint)_vocabularySize)
            {
                break; // a draft model whose vocabulary has more tokens
            }

            Sequence.Append(draft);
            Drafted++;
        }

        _drafted += Drafted;
    }

    private bool End(FinishReason reason)
    {
        _reason = reason;
        return true;
    }

    private TokenLogProbability[]? TopOf(Candidates candidates)
    {
        if (_options.LogProbabilities is not > 0)
        {
            return null;
        }

        var count = Math.Min(_options.LogProbabilities.Value, candidates.Count);
        var logSum = LogitKernels.LogSumExp(candidates.Logits);
        candidates.SelectTop(count);
        var top = new TokenLogProbability[count];
        for (var rank = 0; rank < count; rank++)
        {
            top[rank] = new TokenLogProbability(candidates.TopId(rank), candidates.TopLogit(rank) - logSum);
        }

        return top;
    }

    /// <summary>Turns a token into text and releases what can no longer become a stop string. True when a stop string came.</summary>
    private bool Emit(int id, float logProbability, TokenLogProbability[]? top)
    {
        var searched = _heldLength;
        Reserve(_detokenizer.MaximumBytes(id));
        _heldLength += _detokenizer.Append(id, _held.AsSpan(_heldLength));
        _heldTokens.Add(new HeldToken(id, logProbability, top, searched, _heldLength));
        if (_stops.IsEmpty)
        {
            Release(_heldLength, all: false);
            return false;
        }

        var text = _held.AsSpan(0, _heldLength);
        var at = _stops.Find(text, searched, out var stop);
        if (at >= 0)
        {
            _stopString = _stops.Text(stop);
            _heldLength = at;
            return true;
        }

        Release(_heldLength - _stops.HeldLength(text), all: false);
        return false;
    }

    /// <summary>Hands over the tokens whose text lies before <paramref name="limit"/>, or everything up to it.</summary>
    private void Release(int limit, bool all)
    {
        var tokens = 0;
        var bytes = 0;
        while (tokens < _heldTokens.Count && (all ? _heldTokens[tokens].Start < limit || _heldTokens[tokens].End <= limit : _heldTokens[tokens].End <= limit))
        {
            bytes = Math.Min(_heldTokens[tokens].End, limit);
            tokens++;
        }

        if (all)
        {
            bytes = limit; // what a flush added belongs to the last token
        }

        if (tokens > 0 || bytes > 0)
        {
            Stream.Push(_held.AsSpan(0, bytes), System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_heldTokens)[..tokens]);
        }

        _held.AsSpan(bytes, _heldLength - bytes).CopyTo(_held);
        _heldLength -= bytes;
        _heldTokens.RemoveRange(0, tokens);
        foreach (ref var token in System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_heldTokens))
        {
            token = token with { Start = token.Start - bytes, End = token.End - bytes };
        }
    }

    private void Reserve(int bytes)
    {
        if (_held.Length < _heldLength + bytes)
        {
            Array.Resize(ref _held, Math.Max(_held.Length * 2, _heldLength + bytes));
        }
    }

    /// <summary>The context is full and there is more to say. True when the request ends here.</summary>
    private bool MakeRoom()
    {
        switch (_options.ContextFull)
        {
            case ContextFullPolicy.Truncate:
                return End(FinishReason.ContextFull);
            case ContextFullPolicy.Shift:
                var keep = KeptHead(_options, _tokenizer, Sequence.Tokens, _contextLength);
                Sequence.RemoveTokens(keep, Math.Max(1, (Sequence.Count - keep) / 2));
                Sequence.AlignState(keep);
                return false;
            default:
                throw new ContextFullException(Sequence.Count, _contextLength);
        }
    }

    /// <summary>How many of the first tokens cutting keeps: always less than half a context.</summary>
    internal static int KeptHead(GenerationOptions options, Tokenizer tokenizer, ReadOnlySpan<int> tokens, int contextLength)
    {
        var begins = tokens.Length > 0 && tokenizer.BeginId is { } begin && tokens[0] == begin ? 1 : 0;
        return Math.Clamp(options.KeepFirst ?? begins, 0, Math.Max(0, Math.Min(contextLength / 2, tokens.Length - 1)));
    }
}
