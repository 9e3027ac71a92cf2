using System.Text;
using Abi.Llm.Tokenizers;
using FsCheck;
using FsCheck.Fluent;

namespace Abi.Llm.Tests.Tokenizers;

/// <summary>Texts of any kind: what is lossless comes back byte for byte, ids are of the vocabulary, streams give whole characters.</summary>
[Parallelizable]
public sealed class TokenizerPropertyTests
{
    [TestCaseSource(typeof(SmallVocabularies), nameof(SmallVocabularies.OfText))]
    public void AnyTextIsEncodedAndDecoded(string model) => Hold(Tokenizer.FromMetadata(SmallVocabularies.Create(model)), 300);

    [TestCaseSource(typeof(TokenizerFixtureTests), nameof(TokenizerFixtureTests.Names))]
    public void AnyTextIsEncodedAndDecodedByReferenceVocabularies(string name) => Hold(TokenizerFixtureTests.Load(name), 60);

    [Test]
    public void IdsOnlyTakesNoText()
    {
        var tokenizer = Tokenizer.FromMetadata(SmallVocabularies.Create("none"));
        Assert.That(tokenizer.VocabularySize, Is.EqualTo(77));
        Assert.That(tokenizer.BeginId, Is.Null);
        Assert.That(tokenizer.EndOfGenerationIds, Is.Empty);
        Assert.That(tokenizer.Decode([1, 2, 76]), Is.Empty);
        Assert.That(tokenizer.Encode(""), Is.Empty);
        Assert.That(() => tokenizer.Encode("text"), Throws.TypeOf<UnsupportedModelException>().With.Message.Contains("ids"));
    }

    private static void Hold(Tokenizer tokenizer, int count)
    {
        var options = Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(7, 11);
        Prop.ForAll<string?>(text => RoundTrip.Check(tokenizer, Encoding.UTF8.GetBytes(text ?? string.Empty))).Check(options);
        Prop.ForAll<byte[]>(bytes => RoundTrip.Check(tokenizer, bytes)).Check(options);
        var random = new RandomText(13);
        for (var i = 0; i < count; i++)
        {
            RoundTrip.Check(tokenizer, random.Next(20));
        }
    }
}
