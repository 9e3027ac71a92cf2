using System.Collections.Immutable;
using System.Diagnostics;
using Abi.Llm.Models;
using Abi.Llm.Sampling;

namespace Abi.Llm.Engine;

/// <summary>
/// Beam search: at every token the most likely continuations of all beginnings together are kept. A beginning is a session; one that several continuations go on from is forked, and its pages are
/// shared until they differ. All beginnings are computed in one step.
/// </summary>
internal sealed class BeamSearch
{
    private readonly InferenceEngine _engine;
    private readonly BeamSearchOptions _options;
    private readonly GenerationOptions _look;
    private readonly int _promptTokens;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly List<Ended> _ended = []; // best first, at most as many as are wanted

    private BeamSearch(InferenceEngine engine, BeamSearchOptions options, int promptTokens)
    {
        _engine = engine;
        _options = options;
        _promptTokens = promptTokens;

        // twice as many as are kept, because the ends of texts among them are kept elsewhere
        _look = new GenerationOptions
        {
            MaximumTokens = 1, IgnoreEndOfGeneration = true, ShowSpecialTokens = true, Sampling = SamplingOptions.Greedy, LogProbabilities = Math.Min(engine.VocabularySize, 2 * options.Width),
        };
    }

    /// <summary>Searches.</summary>
    public static async Task<ImmutableArray<GenerationResult>> RunAsync(InferenceEngine engine, ReadOnlyMemory<int> prompt, BeamSearchOptions options, CancellationToken cancellationToken)
    {
        var length = (engine.Definition.Kind == ModelKind.EncoderDecoder ? 1 : prompt.Length) + options.MaximumTokens;
        if (length > engine.ContextLength)
        {
            throw new ContextFullException(length, engine.ContextLength);
        }

        var search = new BeamSearch(engine, options, prompt.Length);
        var sessions = new HashSet<InferenceSession>();
        try
        {
            var first = engine.CreateSession();
            sessions.Add(first);
            await search.SearchAsync(new Beam(first, prompt, [], 0), sessions, cancellationToken).ConfigureAwait(false);
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
        List<Beam> beams = [first];
        for (var length = 1; beams.Count > 0; length++)
        {
            var tops = await Task.WhenAll(beams.Select(beam => LookAsync(beam, cancellationToken))).ConfigureAwait(false);
            var next = beams
                .SelectMany((beam, parent) => tops[parent].Select(top => (Parent: parent, Token: top, Score: beam.Score + top.LogProbability)))
                .OrderByDescending(static candidate => candidate.Score).ThenBy(static candidate => candidate.Parent).ThenBy(static candidate => candidate.Token.Id).ToList();
            var children = new List<(int Parent, TokenLogProbability Token, double Score)>();
            for (var rank = 0; rank < next.Count && children.Count < _options.Width; rank++)
            {
                var candidate = next[rank];
                if (!_engine.Tokenizer.IsEndOfGeneration(candidate.Token.Id))
                {
                    children.Add(candidate);
                }
                else if (rank < _options.Width)
                {
                    End(beams[candidate.Parent].Tokens, candidate.Score, candidate.Token.Id);
                }
            }

            if (length == _options.MaximumTokens)
            {
                foreach (var (parent, token, score) in children)
                {
                    End(beams[parent].Tokens.Add(new GeneratedToken(token.Id, token.LogProbability, [])), score, stop: null);
                }

                return;
            }

            if (_ended.Count == _options.Width && children.TrueForAll(child => BestPossible(child.Score) <= _ended[^1].Score))
            {
                return;
            }

            beams = Continue(beams, children, sessions);
        }
    }

    /// <summary>The most likely tokens after a beginning, with their log-probabilities. The session holds the beginning afterwards, and nothing more.</summary>
    private async Task<ImmutableArray<TokenLogProbability>> LookAsync(Beam beam, CancellationToken cancellationToken)
    {
        var top = ImmutableArray<TokenLogProbability>.Empty;
        var stream = beam.Session.Start(beam.Pending.Span, _look, cancellationToken);
        await using (stream.ConfigureAwait(false))
        {
            await foreach (var piece in stream.ReadPiecesAsync().ConfigureAwait(false))
            {
                top = piece.Tokens.IsEmpty ? top : piece.Tokens[0].Top;
            }
        }

        beam.Session.Rewind(beam.Session.Count - 1); // the chosen token is not in the state yet, so no state is lost
        return top;
    }

    private static List<Beam> Continue(List<Beam> beams, List<(int Parent, TokenLogProbability Token, double Score)> children, HashSet<InferenceSession> sessions)
    {
        var isTaken = new bool[beams.Count];
        var continued = new List<Beam>(children.Count);
        foreach (var (parent, token, score) in children)
        {
            var beam = beams[parent];
            var session = isTaken[parent] ? beam.Session.Fork() : beam.Session;
            sessions.Add(session);
            isTaken[parent] = true;
            continued.Add(new Beam(session, new[] { token.Id }, beam.Tokens.Add(new GeneratedToken(token.Id, token.LogProbability, [])), score));
        }

        for (var i = 0; i < beams.Count; i++)
        {
            if (!isTaken[i])
            {
                sessions.Remove(beams[i].Session);
                beams[i].Session.Dispose();
            }
        }

        return continued;
    }

    private void End(ImmutableList<GeneratedToken> tokens, double sum, int? stop)
    {
        var score = Normalize(sum, tokens.Count + (stop is null ? 0 : 1));
        var at = _ended.FindIndex(other => score > other.Score);
        _ended.Insert(at < 0 ? _ended.Count : at, new Ended(tokens, score, stop));
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
        return new GenerationResult(_engine.Tokenizer.Decode(ids), [.. ended.Tokens], new GenerationOutcome
        {
            FinishReason = ended.StopToken is null ? FinishReason.Length : FinishReason.StopToken,
            StopTokenId = ended.StopToken,
            Seed = 0,
            Usage = new GenerationUsage(_promptTokens, 0, ids.Length),
            Timings = new GenerationTimings(TimeSpan.Zero, TimeSpan.Zero, elapsed, _promptTokens, ids.Length),
        });
    }

    /// <param name="Session">Holds the beginning but for what is pending.</param>
    /// <param name="Pending">What comes next in the session.</param>
    /// <param name="Tokens">The tokens after the prompt.</param>
    /// <param name="Score">The sum of their log-probabilities.</param>
    private sealed record Beam(InferenceSession Session, ReadOnlyMemory<int> Pending, ImmutableList<GeneratedToken> Tokens, double Score);

    private sealed record Ended(ImmutableList<GeneratedToken> Tokens, double Score, int? StopToken);
}
