using Abi.Database.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Abi.Database.Tests.Text;

public sealed class TextChunkerTests
{
    [TestCase("One. Two! Three? Four", new[] { "One.", "Two!", "Three?", "Four" })]
    [TestCase("He said \"Stop!\" Then he left. (Really.) Yes", new[] { "He said \"Stop!\"", "Then he left.", "(Really.)", "Yes" })]
    [TestCase("Mr. Smith met J. Doe at 3.14 p.m. and left. Dr. No came.", new[] { "Mr. Smith met J. Doe at 3.14 p.m. and left.", "Dr. No came." })]
    [TestCase("I did. So did I. And you?", new[] { "I did.", "So did I.", "And you?" })]
    [TestCase("a line\nof one sentence\n\n  another\r\n\r\nthird", new[] { "a line\nof one sentence", "another", "third" })]
    [TestCase("今日は雨。明日は晴れ！本当？はい", new[] { "今日は雨。", "明日は晴れ！", "本当？", "はい" })]
    [TestCase("Wait... what? Yes… No", new[] { "Wait... what?", "Yes…", "No" })]
    [TestCase(" \n\n\t ", new string[0])]
    public void SentencesEndWhereReadersEndThem(string text, string[] sentences) =>
        Assert.That(SentenceBreaker.Sentences(text).Select(sentence => text[sentence.Start..sentence.End]), Is.EqualTo(sentences));

    [Test]
    public void PartsHoldWholeSentencesAndRepeatTheLast()
    {
        var chunks = new TextChunker(new TextChunkerOptions { MaximumTokens = 7, OverlapTokens = 3 }).Split("One two three. Four five six.  Seven eight. Nine ten eleven twelve.");
        Assert.That(chunks.Select(chunk => chunk.Text), Is.EqualTo(new[] { "One two three. Four five six.", "Four five six.  Seven eight.", "Seven eight. Nine ten eleven twelve." }));
        Assert.That(chunks.Select(chunk => chunk.Index), Is.EqualTo(new[] { 0, 1, 2 }));
    }

    [Test]
    public void ASentenceThatIsTooLongIsCutBetweenWordsAndAWordBetweenCharacters()
    {
        var words = new TextChunker(new TextChunkerOptions { MaximumTokens = 4, OverlapTokens = 2 }).Split("a b c d e f g");
        Assert.That(words.Select(chunk => chunk.Text), Is.EqualTo(new[] { "a b c d", "c d e f", "e f g" }));
        var characters = new TextChunker(new TextChunkerOptions { MaximumTokens = 3, OverlapTokens = 0, CountTokens = text => new System.Globalization.StringInfo(text).LengthInTextElements }).Split("ab👩‍👩‍👧ćdefgh");
        Assert.That(characters.Select(chunk => chunk.Text), Is.EqualTo(new[] { "ab👩‍👩‍👧", "ćde", "fgh" }));
    }

    /// <summary>Whatever the text: parts are where they say, small enough, in order, without a gap but white space, and overlap by no more than asked for.</summary>
    [Test]
    public void EveryTextIsCoveredByPartsThatAreSmallEnough()
    {
        var texts = Gen.Elements("word", "Sentence.", "No!", "x", "\n", "\n\n", " ", "東京。", "averyverylongword", "1.5", "👍", "…", "\ud800").ListOf().Select(parts => string.Join(" ", parts)).Or(Gen.Elements("\u0001", "a", "b ", ". ").ListOf().Select(string.Concat));
        var sizes = Gen.Choose(1, 12).SelectMany(maximum => Gen.Choose(0, maximum - 1).Select(overlap => (maximum, overlap)));
        Prop.ForAll(texts.Zip(sizes).ToArbitrary(), value =>
        {
            var (text, (maximum, overlap)) = value;
            static int Count(string part) => Tokenizer.Words(part).Count;
            var chunks = new TextChunker(new TextChunkerOptions { MaximumTokens = maximum, OverlapTokens = overlap }).Split(text);
            var end = 0;
            for (var i = 0; i < chunks.Count; i++)
            {
                var chunk = chunks[i];
                Assert.That(text.Substring(chunk.Start, chunk.Length), Is.EqualTo(chunk.Text));
                Assert.That(chunk.Text, Is.EqualTo(chunk.Text.Trim()).And.Not.Empty);
                Assert.That(Count(chunk.Text), Is.LessThanOrEqualTo(maximum));
                Assert.That(chunk.Start + chunk.Length, Is.GreaterThan(end), "something new");
                Assert.That(chunk.Start > end ? text[end..chunk.Start].Trim() : "", Is.Empty, "no gap");
                Assert.That(chunk.Start < end ? Count(text[chunk.Start..end]) : 0, Is.LessThanOrEqualTo(overlap));
                end = chunk.Start + chunk.Length;
            }

            Assert.That(text[end..].Trim(), Is.Empty);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    /// <summary>Counting tokens is what takes time: not all of a part again for each sentence.</summary>
    [Test]
    public void FewTokensAreCountedTwice()
    {
        var counted = 0L;
        int Count(string text)
        {
            counted += text.Length;
            return text.AsSpan().Count('w');
        }

        var text = string.Concat(Enumerable.Repeat("W w. ", 5_000));
        var chunks = new TextChunker(new TextChunkerOptions { MaximumTokens = 1_000, OverlapTokens = 0, CountTokens = Count }).Split(text);
        Assert.That(chunks, Has.Count.EqualTo(5));
        Assert.That(counted, Is.LessThan(30 * text.Length));
    }

    [TestCase(0, 0)]
    [TestCase(5, 5)]
    [TestCase(5, -1)]
    public void OptionsAreChecked(int maximum, int overlap) =>
        Assert.That(() => new TextChunker(new TextChunkerOptions { MaximumTokens = maximum, OverlapTokens = overlap }), Throws.ArgumentException.With.Message.Contains($"{maximum}"));
}
