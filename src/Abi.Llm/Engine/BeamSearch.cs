using System.Buffers;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Text;
using Abi.Llm.Grammars;
using Abi.Llm.Models;
using Abi.Llm.Sampling;

namespace Abi.Llm.Engine;

/// <summary>
/// Beam search: at every token the most likely continuations of all beginnings together are kept. A beginning is a session; one that several continuations go on from is forked, and its pages are
/// shared until they differ, adapters or not. All beginnings are computed in one step. Under a grammar each has a state of its own, forked with it, and what it forbids is never a continuation.
/// A beginning ends once, with the likeliest of the model's end tokens: another one would give the same text again.
/// </summary>
internal sealed class BeamSearch
{
    private readonly InferenceEngine _engine;
    private readonly BeamSearchOptions _options;
    private readonly int _promptTokens;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly Candidates _candidates = new(); // scratch of the engine's thread
    private readonly List<Ended> _ended = []; // best first, at most as many as are wanted

    private BeamSearch(InferenceEngine engine, BeamSearchOptions options, int promptTokens)
    {
        _engine = engine;
        _options = options;
        _promptTokens = promptTokens;
    }

    /// <summary>Searches.</summary>
    public static async Task<ImmutableArray<GenerationResult>> RunAsync(InferenceEngine engine, ReadOnlyMemory<int> prompt, BeamSearchOptions options, CancellationToken cancellationToken)
    {
        options = options with { MaximumTokens = Math.Min(options.MaximumTokens, engine.Options.TokenLimit ?? int.MaxValue) };
        var length = (engine.Definition.Kind == ModelKind.EncoderDecoder ? 1L : prompt.Length) + options.MaximumTokens;
        if (length > engine.ContextLength)
        {
            throw new ContextFullException((int)Math.Min(length, int.MaxValue), engine.ContextLength, $"shorten the prompt, or ask for fewer tokens: {nameof(BeamSearchOptions)}.{nameof(BeamSearchOptions.MaximumTokens)}");
        }

        var grammar = options.Grammar?.Start(engine.Tokenizer);
        if (grammar is not null)
        {
            GenerationRequest.RequireRoom(grammar, options.MaximumTokens);
        }

        var search = new BeamSearch(engine, options, prompt.Length);
        var sessions = new HashSet<InferenceSession>();
        try
        {
            var first = engine.CreateSession(options.Adapters);
            sessions.Add(first);
            await search.SearchAsync(new Beam(first, prompt, [], 0, grammar), sessions, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            foreach (var session in sessions)
            {
                session.Dispose();
            }
        }

        return [.. search._ended.Select(search.Result)];
    }

    private async Task SearchAsync(Beam first, HashSet<InferenceSession> sessions, CancellationToken cancellationToken)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (_engine.Options.TimeLimit is { } limit)
        {
            limited.CancelAfter(limit);
        }

        List<Beam> beams = [first];
        try
        {
            await SearchAsync(beams, sessions, limited.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (limited.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            beams.ForEach(beam => Keep(new Ended(beam.Tokens, Normalize(beam.Score, beam.Tokens.Count), null, FinishReason.TimeLimit, beam.Grammar is null ? null : false)));
        }
    }

    /// <summary>Searches from beginnings, which are always those reached so far.</summary>
    private async Task SearchAsync(List<Beam> beams, HashSet<InferenceSession> sessions, CancellationToken cancellationToken)
    {
        for (var length = 1; beams.Count > 0; length++)
        {
            var tokensLeft = _options.MaximumTokens - length + 1;
            var next = (await Task.WhenAll(beams.Select((beam, index) => LookAsync(beam, index, tokensLeft, cancellationToken))).ConfigureAwait(false))
                .SelectMany(static continuations => continuations)
                .OrderByDescending(static continuation => continuation.Score).ThenBy(static continuation => continuation.Index).ThenBy(static continuation => continuation.Id).ToList();
            var children = new List<Continuation>();
            for (var rank = 0; rank < next.Count && children.Count < _options.Width; rank++)
            {
                if (!next[rank].IsEnd)
                {
                    children.Add(next[rank]);
                }
                else if (rank < _options.Width)
                {
                    End(next[rank], FinishReason.StopToken);
                }
            }

            if (length == _options.MaximumTokens)
            {
                children.ForEach(child => End(child, FinishReason.Length));
                return;
            }

            if (_ended.Count == _options.Width && children.TrueForAll(child => BestPossible(child.Score) <= _ended[^1].Score))
            {
                return;
            }

            Continue(beams, children, sessions);
        }
    }

    /// <summary>What may follow a beginning, likeliest first: enough that as many as are kept go on, were all of them this beginning's.</summary>
    private async Task<List<Continuation>> LookAsync(Beam beam, int index, int tokensLeft, CancellationToken cancellationToken)
    {
        var continuations = new List<Continuation>();
        await beam.Session.EvaluateNextAsync(beam.Pending.Span, (_, logits) => Choose(beam, index, tokensLeft, logits, continuations), cancellationToken).ConfigureAwait(false);
        return continuations;
    }

    private void Choose(Beam beam, int index, int tokensLeft, ReadOnlySpan<float> logits, List<Continuation> continuations)
    {
        var logSum = LogitKernels.LogSumExp(logits);
        _candidates.Reset(logits);
        if (beam.Grammar?.Mask(_candidates.Logits, tokensLeft) == 0)
        {
            continuations.Add(new Continuation(beam, index, -1, 0, beam.Grammar, IsText: false, IsEnd: true));
            return;
        }

        foreach (var (id, bias) in _engine.Definition.RecommendedSampling.LogitBias)
        {
            _candidates.Logits[id] += bias; // what the file suppresses
        }

        var (open, rank, hasEnd) = (0, 0, false);
        for (var wanted = _options.Width + _engine.Tokenizer.EndOfGenerationIds.Count; open < _options.Width; wanted *= 2)
        {
            var count = Math.Min(wanted, _candidates.Count);
            _candidates.SelectTop(count);
            for (; rank < count && float.IsFinite(_candidates.TopLogit(rank)); rank++)
            {
                var id = _candidates.TopId(rank);
                var isText = !_engine.Tokenizer.IsEndOfGeneration(id);
                if (!isText && hasEnd)
                {
                    continue;
                }

                hasEnd |= !isText;
                var grammar = beam.Grammar?.Clone();
                grammar?.TryAccept(id);
                var isEnd = !isText || grammar is { IsFinished: true };
                continuations.Add(new Continuation(beam, index, id, _candidates.TopLogit(rank) - logSum, grammar, isText, isEnd));
                open += isEnd ? 0 : 1;
            }

            if (rank < wanted)
            {
                break; // there are no more
            }
        }

        if (continuations.Count == 0)
        {
            throw SamplerChain.NothingToChoose();
        }
    }

    private static void Continue(List<Beam> beams, List<Continuation> children, HashSet<InferenceSession> sessions)
    {
        var isTaken = new bool[beams.Count];
        var continued = new List<Beam>(children.Count);
        foreach (var child in children)
        {
            var session = isTaken[child.Index] ? child.Parent.Session.Fork() : child.Parent.Session;
            sessions.Add(session);
            isTaken[child.Index] = true;
            continued.Add(new Beam(session, new[] { child.Id }, child.Tokens, child.Score, child.Grammar));
        }

        for (var i = 0; i < beams.Count; i++)
        {
            if (!isTaken[i])
            {
                sessions.Remove(beams[i].Session);
                beams[i].Session.Dispose();
            }
        }

        beams.Clear();
        beams.AddRange(continued);
    }

    private void End(Continuation last, FinishReason reason)
    {
        var score = Normalize(last.Score, last.Parent.Tokens.Count + (last.Id < 0 ? 0 : 1));
        Keep(new Ended(last.Tokens, score, last.IsText || last.Id < 0 ? null : last.Id, reason, last.Grammar?.IsComplete));
    }

    private void Keep(Ended text)
    {
        var at = _ended.FindIndex(other => text.Score > other.Score);
        _ended.Insert(at < 0 ? _ended.Count : at, text);
        if (_ended.Count > _options.Width)
        {
            _ended.RemoveAt(_ended.Count - 1);
        }
    }

    private double Normalize(double sum, int length) => sum / Math.Pow(Math.Max(1, length), _options.LengthPenalty);

    /// <summary>What a beginning's score can become at best: log-probabilities only take away, and length divides by the most.</summary>
    private double BestPossible(double sum) => Normalize(sum, _options.MaximumTokens);

    private GenerationResult Result(Ended ended)
    {
        int[] ids = [.. ended.Tokens.Select(static token => token.Id)];
        var elapsed = Stopwatch.GetElapsedTime(_start);
        // As a generation gives them: what goes on after a prompt keeps its first space, and control tokens show under a grammar.
        var text = new ArrayBufferWriter<byte>();
        _engine.Tokenizer.DecodeBytes(ids, text, removeSpecial: _options.Grammar is null);
        return new GenerationResult(Encoding.UTF8.GetString(text.WrittenSpan), [.. ended.Tokens], new GenerationOutcome
        {
            FinishReason = ended.Reason,
            StopTokenId = ended.StopToken,
            IsGrammarComplete = ended.IsGrammarComplete,
            Seed = 0,
            Usage = new GenerationUsage(_promptTokens, 0, ids.Length),
            Timings = new GenerationTimings(TimeSpan.Zero, TimeSpan.Zero, elapsed, _promptTokens, ids.Length),
        });
    }

    /// <param name="Session">Holds the beginning but for what is pending.</param>
    /// <param name="Pending">What comes next in the session.</param>
    /// <param name="Tokens">The tokens after the prompt.</param>
    /// <param name="Score">The sum of their log-probabilities.</param>
    /// <param name="Grammar">How far they have come in the grammar; null without one.</param>
    private sealed record Beam(InferenceSession Session, ReadOnlyMemory<int> Pending, ImmutableList<GeneratedToken> Tokens, double Score, GrammarState? Grammar);

    /// <param name="Parent">The beginning.</param>
    /// <param name="Index">Its place among the beginnings.</param>
    /// <param name="Id">The token, or -1 where the grammar says that the text ends and no token for it.</param>
    /// <param name="LogProbability">The token's.</param>
    /// <param name="Grammar">The grammar's state behind the token.</param>
    /// <param name="IsText">Whether the token is part of the text.</param>
    /// <param name="IsEnd">Whether the text ends with it.</param>
    private sealed record Continuation(Beam Parent, int Index, int Id, float LogProbability, GrammarState? Grammar, bool IsText, bool IsEnd)
    {
        public double Score { get; } = Parent.Score + LogProbability;

        public ImmutableList<GeneratedToken> Tokens => IsText ? Parent.Tokens.Add(new GeneratedToken(Id, LogProbability, [])) : Parent.Tokens;
    }

    private sealed record Ended(ImmutableList<GeneratedToken> Tokens, double Score, int? StopToken, FinishReason Reason, bool? IsGrammarComplete);
}
