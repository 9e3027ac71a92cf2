using System.Collections.Immutable;
using System.Diagnostics;
using System.Text;
using Abi.Llm.Models;
using Abi.Llm.Sampling;

namespace Abi.Llm.Engine;

/// <summary>Several texts after one prompt: the prompt is computed once, and each text goes on from a fork that shares its pages until they differ.</summary>
internal static class Continuations
{
    /// <summary>Generates the texts, all at once.</summary>
    public static async Task<ImmutableArray<GenerationResult>> RunAsync(InferenceEngine engine, ReadOnlyMemory<int> prompt, int count, GenerationOptions options, CancellationToken cancellationToken)
    {
        options.Validate();
        var start = Stopwatch.GetTimestamp();
        var seed = options.Sampling.Seed ?? MersenneTwister.RandomSeed();
        var sessions = new List<InferenceSession>(count);
        using var all = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            var trunk = engine.CreateSession();
            sessions.Add(trunk);
            var shared = await ComputeAsync(engine, trunk, prompt, count, options, cancellationToken).ConfigureAwait(false);
            for (var i = 1; i < count; i++)
            {
                sessions.Add(trunk.Fork());
            }

            if (engine.TimeLimitOf(options) is { } limit)
            {
                var left = limit - Stopwatch.GetElapsedTime(start); // the prompt took some of it
                options = options with { TimeLimit = left > TimeSpan.Zero ? left : TimeSpan.FromTicks(1) };
            }

            var texts = new Task<GenerationResult>[count];
            for (var i = 0; i < count; i++)
            {
                var own = options with { Sampling = options.Sampling with { Seed = unchecked(seed + i) } };
                texts[i] = ReadAsync(sessions[i], prompt, shared, own, all);
            }

            return ImmutableArray.Create(await Task.WhenAll(texts).ConfigureAwait(false));
        }
        finally
        {
            sessions.ForEach(static session => session.Dispose());
        }
    }

    /// <summary>Computes what all have in common. The last token is left to each, since its output is what they choose from; so nothing has to be taken back, which recurrent state could not be.</summary>
    /// <returns>How many tokens of the prompt are in the session.</returns>
    private static async Task<int> ComputeAsync(
        InferenceEngine engine, InferenceSession trunk, ReadOnlyMemory<int> prompt, int count, GenerationOptions options, CancellationToken cancellationToken)
    {
        var isEncoded = engine.Definition.Kind == ModelKind.EncoderDecoder;
        var shared = isEncoded ? prompt.Length : prompt.Length - 1;

        // state under hooks is not shared, and a prompt that has to be cut is cut by each as it would be alone
        if (count == 1 || shared < 1 || prompt.Length > engine.ContextLength || !options.ActivationHooks.IsDefaultOrEmpty || !options.ControlVectors.IsDefaultOrEmpty)
        {
            return 0;
        }

        var stream = trunk.Start(
            prompt.Span[..shared],
            new GenerationOptions { MaximumTokens = 0, Priority = options.Priority, TimeLimit = options.TimeLimit, PromptProgress = options.PromptProgress, Adapters = options.Adapters },
            cancellationToken);
        await using (stream.ConfigureAwait(false))
        {
            await foreach (var _ in stream.ReadPiecesAsync().ConfigureAwait(false))
            {
                // computes the prompt, and generates nothing
            }
        }

        return shared;
    }

    private static async Task<GenerationResult> ReadAsync(InferenceSession session, ReadOnlyMemory<int> prompt, int shared, GenerationOptions options, CancellationTokenSource all)
    {
        try
        {
            var stream = session.Start(prompt.Span[shared..], options, prompt.Length, all.Token);
            await using (stream.ConfigureAwait(false))
            {
                var text = new StringBuilder();
                var tokens = ImmutableArray.CreateBuilder<GeneratedToken>();
                GenerationOutcome? outcome = null;
                await foreach (var piece in stream.ReadPiecesAsync().ConfigureAwait(false))
                {
                    text.Append(piece.Text);
                    tokens.AddRange(piece.Tokens);
                    outcome = piece.Outcome;
                }

                return new GenerationResult(text.ToString(), tokens.ToImmutable(), outcome!);
            }
        }
        catch
        {
            await all.CancelAsync().ConfigureAwait(false); // the others are of no use without this one
            throw;
        }
    }
}
