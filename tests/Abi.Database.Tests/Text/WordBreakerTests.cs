using Abi.Database.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Abi.Database.Tests.Text;

public sealed class WordBreakerTests
{
    /// <summary>Where UAX #29 puts boundaries, a case or more a rule.</summary>
    [TestCase("The quick (“brown”) fox can’t jump 32.3 feet, right?", "The| |quick| |(|“|brown|”|)| |fox| |can’t| |jump| |32.3| |feet|,| |right|?")]
    [TestCase("a\r\nb\n\u0308c", "a|\r\n|b|\n|\u0308|c")]
    [TestCase("👩‍❤️‍💋 🛑‍🇺🇸🇬🇧🇩", "👩‍❤️‍💋| |🛑‍|🇺🇸|🇬🇧|🇩")]
    [TestCase("a  b", "a|  |b")]
    [TestCase("a.b a..b a.1 1.a 1.2,3 1,,2 a:b a,b", "a.b| |a|.|.|b| |a|.|1| |1|.|a| |1.2,3| |1|,|,|2| |a:b| |a|,|b")]
    [TestCase("a1 1a snake_case _a 1_2 ア_ア", "a1| |1a| |snake_case| |_a| |1_2| |ア_ア")]
    [TestCase("ו' צה\"ל \"א\"", "ו'| |צה\"ל| |\"|א|\"")]
    [TestCase("カタカナ漢字ひら", "カタカナ|漢|字|ひ|ら")]
    [TestCase("e\u0301a\u00ADb\u200Dc \u0301", "e\u0301a\u00ADb\u200Dc| \u0301")]
    [TestCase("한국어 Ελληνικά русский عربى", "한국어| |Ελληνικά| |русский| |عربى")]
    [TestCase("", "")]
    public void BoundariesAreWhereTheRulesPutThem(string text, string expected) =>
        Assert.That(string.Join('|', WordBreaker.Segments(text, all: true).Select(segment => text.Substring(segment.Start, segment.Length))), Is.EqualTo(expected));

    [Test]
    public void SegmentsCoverEveryText()
    {
        var characters = Gen.Elements("a", "1", ".", ",", "'", "’", "\"", "א", "ア", "漢", "\u0301", "\u200d", "❤", "🇺", "\r", "\n", " ", "_", ":", "ก", "\ud800", "👩");
        Prop.ForAll(characters.ListOf().Select(string.Concat).ToArbitrary(), text =>
        {
            var at = 0;
            foreach (var (start, length) in WordBreaker.Segments(text, all: true))
            {
                Assert.That((start, length), Is.EqualTo((at, length)).And.Not.EqualTo((at, 0)));
                at = start + length;
            }

            Assert.That(at, Is.EqualTo(text.Length));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [TestCase("ＦＵＬＬ width ﬁne", new[] { "full", "width", "fine" })]
    [TestCase("Σίσυφος ΣΊΣΥΦΟΣ", new[] { "σίσυφοσ", "σίσυφοσ" })]
    [TestCase("cafe\u0301 CAFÉ", new[] { "café", "café" })]
    [TestCase("vie\u0302\u0323t \u0430\u0439 \u0438\u0306", new[] { "việt", "ай", "й" })]
    public void WordsThatLookTheSameAreTheSame(string text, string[] words) => Assert.That(Tokenizer.Words(text), Is.EqualTo(words));
}
