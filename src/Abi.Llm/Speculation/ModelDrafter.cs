using Abi.Llm.Sampling;

namespace Abi.Llm.Speculation;

/// <summary>Lets a small model write the most likely continuation (paper: Leviathan et al. 2022). Its session follows the text, so that each guess computes only what is new.</summary>
/// <param name="model">The small model.</param>
/// <param name="vocabularySize">The tokens that may be guessed; either model may have more, that fill its matrices up.</param>
/// <param name="cancellationToken">Ends a guess.</param>
internal sealed class ModelDrafter(LanguageModel model, int vocabularySize, CancellationToken cancellationToken) : Drafter
{
    private readonly InferenceSession _session = model.CreateSession();
    private int[] _ids = []; // what the session holds: [Count]

    public override int Propose(ReadOnlySpan<int> tokens, Span<int> drafts)
    {
        if (tokens.Length + drafts.Length > model.ContextLength)
        {
            return 0;
        }

        var common = tokens.CommonPrefixLength(_ids);
        if (tokens[common..].ContainsAnyExceptInRange(0, model.Engine.VocabularySize - 1))
        {
            return 0;
        }

        _session.Rewind(common);
        GenerationStream started;
        try
        {
            started = _session.Start(
                tokens[common..],
                new GenerationOptions
                {
                    MaximumTokens = drafts.Length, IgnoreEndOfGeneration = true, LogProbabilities = null, BufferedTokens = drafts.Length + 1, Sampling = new SamplingOptions { Temperature = 0 },
                },
                cancellationToken);
        }
        catch (QueueFullException)
        {
            _ids = _ids[..common]; // the small model is busy with others, and a text can do without guesses
            return 0;
        }

        using var stream = started;
        Span<byte> text = stackalloc byte[256];
        while (stream.Read(text) > 0)
        {
            // only the ids count
        }

        _ids = _session.GetIds();
        var guessed = _ids.AsSpan(tokens.Length);
        if (guessed.IndexOfAnyExceptInRange(0, vocabularySize - 1) is var strange and >= 0)
        {
            guessed = guessed[..strange];
        }

        guessed.CopyTo(drafts);
        return guessed.Length;
    }

    public override void Dispose() => _session.Dispose();
}
