using Abi.Llm.Gguf;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Models;

/// <summary>A vocabulary of any size that is no language's but a valid SentencePiece one: every text can be encoded, every id decoded, no two tokens are alike.</summary>
internal static class SyntheticVocabulary
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyz";

    /// <summary>The metadata keys of the vocabulary.</summary>
    public static IEnumerable<KeyValuePair<string, GgufValue>> Create(int size)
    {
        var tokens = new List<string>(size) { "<unk>", "<s>", "</s>" };
        for (var value = 0; value < 256; value++)
        {
            tokens.Add($"<0x{value:X2}>");
        }

        tokens.AddRange(Words().Take(size - tokens.Count));
        var scores = new float[size];
        var kinds = new int[size];
        for (var id = 0; id < size; id++)
        {
            scores[id] = id < 259 ? 0 : 259 - id;
            kinds[id] = (int)(id == 0 ? TokenKind.Unknown : id < 3 ? TokenKind.Control : id < 259 ? TokenKind.Byte : TokenKind.Normal);
        }

        yield return new("tokenizer.ggml.model", GgufValue.Of("llama"));
        yield return new("tokenizer.ggml.pre", GgufValue.Of("default"));
        yield return new("tokenizer.ggml.tokens", GgufValue.Of(tokens));
        yield return new("tokenizer.ggml.scores", GgufValue.Of(scores.AsSpan()));
        yield return new("tokenizer.ggml.token_type", GgufValue.Of(kinds.AsSpan()));
        yield return new("tokenizer.ggml.bos_token_id", GgufValue.Of(1u));
        yield return new("tokenizer.ggml.eos_token_id", GgufValue.Of(2u));
        yield return new("tokenizer.ggml.unknown_token_id", GgufValue.Of(0u));
        yield return new("tokenizer.ggml.add_bos_token", GgufValue.Of(true));
        yield return new("tokenizer.ggml.add_eos_token", GgufValue.Of(false));
    }

    /// <summary>Single characters, then every string of letters, the short before the long (so that the long can be merged from them), each without and with a space in front.</summary>
    private static IEnumerable<string> Words()
    {
        yield return "▁";
        foreach (var character in Letters + "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?'\"-:;()")
        {
            yield return character.ToString();
        }

        List<string> shorter = [.. Letters.Select(letter => letter.ToString())];
        foreach (var word in shorter)
        {
            yield return $"▁{word}";
        }

        while (true)
        {
            List<string> longer = [];
            foreach (var start in shorter)
            {
                foreach (var letter in Letters)
                {
                    longer.Add(start + letter);
                    yield return start + letter;
                    yield return $"▁{start}{letter}";
                }
            }

            shorter = longer;
        }
    }
}
