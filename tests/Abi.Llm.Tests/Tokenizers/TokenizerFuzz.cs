using System.Diagnostics;
using System.Text;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Tests.Tokenizers;

/// <summary>Random texts through every tokenizer.</summary>
[Explicit("Minutes; run by name.")]
public sealed class TokenizerFuzz
{
    private const int Texts = 100_000;

    [TestCaseSource(typeof(TokenizerFixtureTests), nameof(TokenizerFixtureTests.Names))]
    public void ReferenceVocabularies(string name) => Run(name, TokenizerFixtureTests.Load(name));

    [TestCaseSource(typeof(SmallVocabularies), nameof(SmallVocabularies.OfText))]
    public void SmallVocabulariesOfEveryFamily(string model) => Run($"{model} (small)", Tokenizer.FromMetadata(SmallVocabularies.Create(model)));

    private static void Run(string name, Tokenizer tokenizer)
    {
        var specials = Enumerable.Range(0, tokenizer.VocabularySize).Where(id => tokenizer.KindOf(id) is TokenKind.Control or TokenKind.UserDefined or TokenKind.Unknown).Take(500)
            .Select(id => Encoding.UTF8.GetString(tokenizer.TokenBytes(id, special: true))).ToArray();
        var clock = Stopwatch.StartNew();
        var (bytes, slowest) = (0L, TimeSpan.Zero);
        for (var seed = 0; seed < Texts; seed++)
        {
            var text = new RandomText(seed) { Specials = specials }.Next(24);
            var start = Stopwatch.GetTimestamp();
            try
            {
                RoundTrip.Check(tokenizer, text);
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"{name}, text {seed} ({Convert.ToHexString(text)}): {exception.Message}", exception);
            }

            var elapsed = Stopwatch.GetElapsedTime(start);
            slowest = elapsed > slowest ? elapsed : slowest;
            bytes += text.Length;
        }

        TestContext.Out.WriteLine($"{name}: {Texts} texts, {bytes} bytes in {clock.Elapsed.TotalSeconds:0.0} s, the slowest took {slowest.TotalMilliseconds:0} ms");
        Assert.That(slowest, Is.LessThan(TimeSpan.FromSeconds(5)));
    }
}
