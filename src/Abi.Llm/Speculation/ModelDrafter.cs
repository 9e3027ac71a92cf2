using Abi.Llm.Sampling;

namespace Abi.Llm.Speculation;

/// <summary>Lets a small model write the most likely continuation (paper: Leviathan et al. 2022). Its session follows the text, so that each guess computes only what is new.</summary>
internal sealed class ModelDrafter(LanguageModel model, CancellationToken cancellationToken) : Drafter
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
        _session.Rewind(common);
        using var stream = _session.Start(
            tokens[common..],
            new GenerationOptions
            {
                MaximumTokens = drafts.Length, IgnoreEndOfGeneration = true, LogProbabilities = null, BufferedTokens = drafts.Length + 1, Sampling = new SamplingOptions { Temperature = 0 },
            },
            cancellationToken);
        Span<byte> text = stackalloc byte[256];
        while (stream.Read(text) > 0)
        {
            // only the ids count
        }

        _ids = _session.GetIds();
        var guessed = _ids.AsSpan(tokens.Length);
        guessed.CopyTo(drafts);
        return guessed.Length;
    }

    public override void Dispose() => _session.Dispose();
}
