using Abi.Llm.Engine;
using Abi.Llm.Sampling;

namespace Abi.Llm.Speculation;

/// <summary>Lets a small model write the most likely continuation (paper: Leviathan et al. 2022). Its session follows the text, so that each guess computes only what is new.</summary>
/// <param name="model">The small model.</param>
/// <param name="engine">Whom it guesses for.</param>
/// <param name="cancellationToken">Ends a guess.</param>
internal sealed class ModelDrafter(LanguageModel model, InferenceEngine engine, CancellationToken cancellationToken) : Drafter
{
    private readonly InferenceSession _session = model.CreateSession();

    public override int Propose(ReadOnlySpan<int> tokens, Span<int> drafts)
    {
        if (tokens.Length + drafts.Length > model.ContextLength)
        {
            return 0;
        }

        var common = tokens.CommonPrefixLength(_session.Ids);
        if (tokens[common..].ContainsAnyExceptInRange(0, model.Engine.VocabularySize - 1) || !engine.TryAwaitGuesses(model.Engine))
        {
            return 0;
        }

        try
        {
            return Propose(tokens, common, drafts);
        }
        finally
        {
            engine.EndGuesses();
        }
    }

    private int Propose(ReadOnlySpan<int> tokens, int common, Span<int> drafts)
    {
        _session.Rewind(common);
        GenerationStream started;
        try
        {
            started = _session.Start(
                tokens[common..],
                new GenerationOptions
                {
                    MaximumTokens = drafts.Length, IgnoreEndOfGeneration = true, LogProbabilities = null, BufferedTokens = drafts.Length + 1, Sampling = SamplingOptions.Greedy,
                },
                cancellationToken);
        }
        catch (QueueFullException)
        {
            return 0; // the small model is busy with others, and a text can do without guesses
        }

        using var stream = started;
        Span<byte> text = stackalloc byte[256];
        while (stream.Read(text) > 0)
        {
            // only the ids count
        }

        var guessed = _session.Ids[tokens.Length..];
        guessed.CopyTo(drafts);
        return guessed.Length;
    }

    public override void Dispose() => _session.Dispose();
}
