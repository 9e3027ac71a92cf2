using System.Text;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Tests.Tokenizers;

/// <summary>Texts that tokenizers find hard: words, numbers, runs of white space, many scripts, contractions, marks, texts of special tokens, and bytes that are not UTF-8.</summary>
internal sealed class RandomText(int seed)
{
    private static readonly string[] Pieces =
    [
        "the", "Hello", "world", "WORLD", "camelCase", "McDonald", "don't", "I'LL", "we've", "it's", "they're", "'s", "'S", "'ll", "'T", "'d", "''", "ſ", "'ſ", "K", "İ", "ı", "ß", "ẞ", "ǅ", "ﬁ", "Ⅷ", "①", "½",
        "1", "12", "123", "1234", "1234567", "3.14", "1,000,000", "0x1F", "a1b22c333", "٣٤٥", "१२३४", "１２３４", "²³", "\t", "\n", "\r\n", "\n\n\n", " \n ", "  ", "   ", "        ", "\u00a0", "\u3000", "\u2028", "\v", "\f", "\u0085",
        "!", "?!", "...", "...", "(", ")", "[]", "{}", "//", "/*", "*/", "\\", "|", "||", "<", ">", "=>", "==", "++", "^", "~", "`", "```", "$", "€", "£5", "@user", "#tag", "_", "__init__", "-", "—", "–", "…", "“”", "‘’", "。", "，", "、", "！", "？", "：",
        "你好", "世界", "今天天气很好", "漢字", "ひらがな", "カタカナ", "ー", "안녕하세요", "ㄱㄴ", "각", "가", "ㄅㄆㄇ", "привет", "ПРИВЕТ", "Ωμέγα", "ς", "שלום", "שָׁלוֹם", "مرحبا", "نَصّ", "नमस्ते", "दुनिया", "สวัสดี", "ภาษา", "ລາວ", "မြန်မာ", "ខ្មែរ", "தமிழ்", "বাংলা",
        "é", "e\u0301", "ñ", "n\u0303", "ö", "o\u0308\u0304", "Å", "\u212b", "\u0301", "\u0301\u0302\u0303", "a\u0327\u0301", "x\u20e3", "1\ufe0f\u20e3", "😀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "👍🏽", "𝒜𝓁", "𐐀𐐨", "𠀀", "𪜀", "𞤀", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u0000", "\u0001", "\u007f", "\ue000", "\ufffd", "\u0378",
        "▁", "▁the", "<0x41>", "<s>", "</s>", "<unk>", "<|endoftext|>", "<|end|>", "<|assistant|>", "<mask>", "[CLS]", "[SEP]", "[MASK]", "<dna>ACGTacgtN", "</dna>", "<sentinel:12>", "IMGIMGABCZ", "ied 4 ½ months", "Führer", "https://example.org/a?b=c&d=e", "user@example.com",
    ];

    private readonly Random _random = new(seed);

    /// <summary>The texts of special tokens, to be met now and then.</summary>
    public string[] Specials { get; init; } = [];

    /// <summary>Whether some bytes are not UTF-8.</summary>
    public bool HasBrokenBytes { get; init; } = true;

    /// <summary>A text of up to about so many parts.</summary>
    public byte[] Next(int parts)
    {
        var text = new MemoryStream();
        for (var i = _random.Next(parts); i >= 0; i--)
        {
            text.Write(Part());
        }

        return text.ToArray();
    }

    private byte[] Part() => _random.Next(12) switch
    {
        0 => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(Pick(Pieces), _random.Next(1, 9)))),
        1 => [.. Enumerable.Range(0, _random.Next(1, 8)).Select(_ => (byte)_random.Next(0x20, 0x7f))],
        2 => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, _random.Next(1, 6)).Select(_ => Character()))),
        3 when HasBrokenBytes => [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => (byte)_random.Next(0x80, 0x100))],
        4 when Specials.Length > 0 => Encoding.UTF8.GetBytes(Pick(Specials)),
        5 => " "u8.ToArray(),
        6 => Encoding.UTF8.GetBytes($" {Pick(Pieces)}"),
        _ => Encoding.UTF8.GetBytes(Pick(Pieces)),
    };

    private string Character()
    {
        // The planes where characters are, and no surrogates.
        var codePoint = _random.Next(10) switch { 0 => _random.Next(0x10000, 0x20000), 1 => _random.Next(0x20000, 0x2fa20), 2 => _random.Next(0xe000, 0x10000), 3 => _random.Next(0xe0000, 0xe0200), _ => _random.Next(0xd800) };
        return char.ConvertFromUtf32(codePoint);
    }

    private T Pick<T>(T[] values) => values[_random.Next(values.Length)];
}
