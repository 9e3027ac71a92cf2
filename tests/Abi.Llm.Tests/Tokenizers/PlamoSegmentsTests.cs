using System.Text;
using System.Text.RegularExpressions;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Tests.Tokenizers;

/// <summary>Where PLaMo 3 cuts a text; <see cref="PeerTokenizerTests"/> compares the ids with llama.cpp's.</summary>
public sealed class PlamoSegmentsTests
{
    [TestCase("", "")]
    [TestCase("a line", "a line")]
    [TestCase("a  b", "a·  ·b")]
    [TestCase("aaa bbbb", "aaa ·bbbb")]
    [TestCase("\n\n\n\n\n", "\n\n\n\n\n")]
    [TestCase("x\u00e9\u00e9\u00e9\u00e9y", "x·\u00e9\u00e9\u00e9\u00e9·y")]
    [TestCase("a\uee00b\uee00\uee00", "a·b")]
    [TestCase("<|plamo:op|>text", "<|plamo:op|>·text")]
    [TestCase("a<|plamo:|>b", "a·<|plamo:|>·b")]
    [TestCase("a<|plamo: |>b", "a<|plamo: |>b")]
    [TestCase("a<|plamo:x|y|>b", "a<|plamo:x|y|>b")]
    [TestCase("<|plamo:<|plamo:x|>>>>>", "<|plamo:·<|plamo:x|>·>>>>")]
    [TestCase("\ufeffa", "\ufeffa")]
    public void AreCutWhereTheyShould(string text, string expected) => Assert.That(string.Join('·', Cut(text)), Is.EqualTo(expected));

    [Test]
    public void TagsOfUpToSixtyFourCharactersAreCut()
    {
        var longest = $"<|plamo:{string.Concat(Enumerable.Repeat("\u00e9x", 32))}|>";
        var longer = $"<|plamo:{string.Concat(Enumerable.Repeat("\u00e9x", 32))}y|>";
        Assert.That(Cut($"a{longest}b"), Is.EqualTo(["a", longest, "b"]));
        Assert.That(Cut($"a{longer}b"), Is.EqualTo([$"a{longer}b"]));
    }

    [Test]
    public void RandomTextsAreCutAsTwoExpressionsCutThem()
    {
        var random = new Random(11);
        string[] parts = ["a", "\u00e9", " ", "\n", "<|plamo:", "|>", "|", ">", "x", "\uee00", "\u001d", "\u3000", "\ud83d\ude00"];
        var cuts = 0;
        for (var round = 0; round < 3000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(12)).SelectMany(_ => Enumerable.Repeat(parts[random.Next(parts.Length)], random.Next(5) == 0 ? random.Next(2, 6) : 1)));
            var expected = Plainly(text);
            Assert.That(Cut(text), Is.EqualTo(expected), Uri.EscapeDataString(text));
            cuts += expected.Length > 1 ? 1 : 0;
        }

        Assert.That(cuts, Is.GreaterThan(500));
    }

    /// <summary>The same by expressions over the text: tags first, then runs in what lies before, in and behind them.</summary>
    private static string[] Plainly(string text) =>
    [
        .. Split(text, @"<\|plamo:(?:[\ud800-\udbff][\udc00-\udfff]|[^|\s\u001c-\u001f\ud800-\udfff]){0,64}\|>")
            .SelectMany(part => Split(part, @"([^\n\ud800-\udfff])\1{3,}|([\ud800-\udbff][\udc00-\udfff])\2{3,}|  +"))
            .SelectMany(part => part.Split('\uee00'))
            .Where(part => part.Length > 0),
    ];

    private static IEnumerable<string> Split(string text, string pattern)
    {
        var start = 0;
        foreach (Match match in Regex.Matches(text, pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)))
        {
            yield return text[start..match.Index];
            yield return text.Substring(match.Index, match.Length);
            start = match.Index + match.Length;
        }

        yield return text[start..];
    }

    private static string[] Cut(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        return [.. PlamoSegments.Of(utf8).Select(segment => Encoding.UTF8.GetString(utf8, segment.Start, segment.Length))];
    }
}
