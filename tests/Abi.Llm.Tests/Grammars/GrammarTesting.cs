using System.Text;
using Abi.Llm.Gguf;
using Abi.Llm.Grammars;
using Abi.Llm.Tokenizers;
using Abi.Testing;

namespace Abi.Llm.Tests.Grammars;

/// <summary>What the grammars' tests share: tokenizers, masks, random texts.</summary>
internal static class GrammarTesting
{
    private static Tokenizer? _stories;

    public static Tokenizer StoriesTokenizer()
    {
        if (_stories is null)
        {
            using var file = GgufFile.Open(Fixtures.Path("stories", "stories260K.f32.gguf"));
            _stories = Tokenizer.FromMetadata(file.Metadata);
        }

        return _stories;
    }

    /// <summary>A vocabulary of exactly these texts, with an end token behind them.</summary>
    public static Tokenizer TokenizerOf(params IEnumerable<string> texts)
    {
        string[] tokens = [.. texts, "</s>"];
        return Tokenizer.FromMetadata(new GgufMetadata(new Dictionary<string, GgufValue>(StringComparer.Ordinal)
        {
            ["tokenizer.ggml.model"] = GgufValue.Of("llama"),
            ["tokenizer.ggml.tokens"] = GgufValue.Of(tokens),
            ["tokenizer.ggml.scores"] = GgufValue.Of(new float[tokens.Length]),
            ["tokenizer.ggml.token_type"] = GgufValue.Of([.. Enumerable.Repeat(1, tokens.Length - 1), 3]),
            ["tokenizer.ggml.eos_token_id"] = GgufValue.Of((uint)(tokens.Length - 1)),
            ["tokenizer.ggml.bos_token_id"] = GgufValue.Of(uint.MaxValue),
            ["tokenizer.ggml.unknown_token_id"] = GgufValue.Of(uint.MaxValue),
        }));
    }

    public static int[] Allowed(GrammarState state, int? tokensLeft = null)
    {
        var logits = new float[state.Tokenizer.VocabularySize];
        state.Mask(logits, tokensLeft);
        return [.. Enumerable.Range(0, logits.Length).Where(id => !float.IsNegativeInfinity(logits[id]))];
    }

    /// <summary>A text of a grammar, each token chosen at random among those allowed.</summary>
    public static string Sample(Grammar grammar, Tokenizer tokenizer, Random random, int tokens, double endsWith = 0.3)
    {
        var state = grammar.Start(tokenizer);
        var bytes = new List<byte>();
        for (var left = tokens; left > 0 && !state.IsFinished && !(state.IsComplete && random.NextDouble() < endsWith); left--)
        {
            var allowed = Allowed(state, left);
            var id = allowed[random.Next(allowed.Length)];
            if (tokenizer.IsEndOfGeneration(id))
            {
                break;
            }

            Assert.That(state.TryAccept(id));
            bytes.AddRange(tokenizer.TokenBytes(id, special: true));
        }

        Assert.That(state.IsComplete, $"incomplete: {Encoding.UTF8.GetString([.. bytes])}");
        return Encoding.UTF8.GetString([.. bytes]);
    }

    public static bool Accepts(Grammar grammar, string text)
    {
        var state = grammar.Start(StoriesTokenizer());
        return state.TryAccept(Encoding.UTF8.GetBytes(text)) && state.IsComplete;
    }
}
