using Abi.Llm.Gguf;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Tests.Tokenizers;

/// <summary>A small vocabulary of each family, made here: enough to spell anything, and a few words.</summary>
internal static class SmallVocabularies
{
    private static readonly string[] Words = ["he", "ll", "hell", "hello", "wo", "rl", "world", "th", "the", "in", "ing", "12", "ab", "abc", "é", "ß", "你", "好", "你好"];

    /// <summary>The families, by the value of <c>tokenizer.ggml.model</c>.</summary>
    public static readonly string[] Models = ["llama", "gpt2", "gemma4", "hybriddna", "whitespace", "bert", "t5", "rwkv", "plamo2", "plamo3", "none"];

    /// <summary>Those that take text.</summary>
    public static readonly string[] OfText = [.. Models.Where(model => model != "none")];

    /// <summary>The metadata of a small vocabulary.</summary>
    public static GgufMetadata Create(string model) => model switch
    {
        "llama" or "plamo2" or "plamo3" => Of(model, Plain()),
        "t5" => Of(model, [("<pad>", 3), ("</s>", 3), ("<unk>", 2), ("▁", 1), .. "abcdefghijklmnopqrstuvwxyz".Select(c => (c.ToString(), 1)), .. Words.Select(word => ($"▁{word}", 1))]),
        "bert" => Of(model, [("[PAD]", 3), ("[UNK]", 2), ("[CLS]", 3), ("[SEP]", 3), .. "abcdefghijklmnopqrstuvwxyz".SelectMany(c => new[] { (c.ToString(), 1), ($"▁{c}", 1) }), .. Words.Select(word => ($"▁{word}", 1))])
            .With("tokenizer.ggml.unknown_token_id", GgufValue.Of(1u)).With("tokenizer.ggml.bos_token_id", GgufValue.Of(2u)).With("tokenizer.ggml.seperator_token_id", GgufValue.Of(3u)),
        "rwkv" => Of(model, [("<s>", 3), .. Enumerable.Range(0, 256).Select(b => (b is > 32 and < 127 and not '\\' ? ((char)b).ToString() : $"\\x{b:x2}", 1)), .. Words.Select(word => (word, 1))]),
        "gemma4" or "whitespace" => Merged(model, [.. Plain()], Merges(word => $"{word}")),
        "none" => new GgufMetadata([new("general.architecture", GgufValue.Of("test")), new("tokenizer.ggml.model", GgufValue.Of("none")), new("test.vocab_size", GgufValue.Of(77u))]),
        _ => Merged(model, [("<|endoftext|>", 3), .. Enumerable.Range(0, 256).Select(b => (Character((byte)b), 1)), .. Words.Where(word => word.All(char.IsAscii)).Select(word => (word, 1)), ("<dna>", 1), ("</dna>", 1), ("<oov>", 1), ("ACGTAC\uE000", 1)], Merges(word => word)),
    };

    private static IEnumerable<(string, int)> Plain() =>
        [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("<user>", 4), .. Enumerable.Range(0, 256).Select(b => ($"<0x{b:X2}>", 6)), ("▁", 1), .. "abcdefghijklmnopqrstuvwxyz".Select(c => (c.ToString(), 1)), .. Words.Select(word => (word, 1))];

    private static string[] Merges(Func<string, string> spell) =>
        [.. Words.Where(word => word.All(char.IsAscii)).SelectMany(word => Enumerable.Range(1, word.Length - 1).Where(at => Known(word[..at]) && Known(word[at..])).Select(at => spell($"{word[..at]} {word[at..]}")))];

    private static bool Known(string part) => part.Length == 1 || Words.Contains(part);

    private static string Character(byte b) => System.Text.Encoding.UTF8.GetString(ByteCharacters.Encode(b));

    private static GgufMetadata Merged(string model, (string, int)[] tokens, string[] merges) =>
        Of(model, tokens).With("tokenizer.ggml.merges", GgufValue.Of(merges)).With("tokenizer.ggml.pre", GgufValue.Of(model is "whitespace" ? model : "gpt-2"));

    private static GgufMetadata Of(string model, IEnumerable<(string Text, int Kind)> tokens)
    {
        (string Text, int Kind)[] all = [.. tokens];
        var scores = all.Select((token, id) => token.Text.Length > 1 ? -1f - (id / 1000f) : -5f).ToArray();
        var kinds = all.Select(token => token.Kind).ToArray();
        return new GgufMetadata(
        [
            new("general.architecture", GgufValue.Of("test")), new("general.name", GgufValue.Of(model)), new("tokenizer.ggml.model", GgufValue.Of(model)),
            new("tokenizer.ggml.tokens", GgufValue.Of([.. all.Select(token => token.Text)])), new("tokenizer.ggml.scores", GgufValue.Of(scores.AsSpan())), new("tokenizer.ggml.token_type", GgufValue.Of(kinds.AsSpan())),
            new("tokenizer.ggml.bos_token_id", GgufValue.Of(1u)),
        ]);
    }
}
