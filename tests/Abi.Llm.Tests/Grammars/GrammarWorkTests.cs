using System.Diagnostics;
using System.Text.Json;
using Abi.Llm.Grammars;

namespace Abi.Llm.Tests.Grammars;

/// <summary>Schemas, expressions and grammars that are small to write and large to follow: refused, or done with in time that their size bounds.</summary>
public sealed class GrammarWorkTests
{
    [Test]
    public void AnObjectOfManyThousandsOfPropertiesIsNoDeepRecursion()
    {
        string[] names = [.. Enumerable.Range(0x4E00, 20_000).Select(char.ConvertFromUtf32)];
        var grammar = Grammar.FromJsonSchema(JsonSerializer.Serialize(new Dictionary<string, object>(StringComparer.Ordinal) { ["type"] = "object", ["required"] = names }), new JsonSchemaOptions { IsCompact = true });
        var state = grammar.Start(GrammarTesting.StoriesTokenizer());
        Assert.That(state.TryAccept("{\"\u4E00\":1,\"\u4E01\":2"u8));
        Assert.That(state.Clone().TryAccept(",\"\u4E03\""u8), Is.False);
    }

    [Test]
    public void SchemasThatUseEachOtherTwiceAreRefusedWhenTheyTakeTooLong()
    {
        const int Levels = 22;
        var definitions = Enumerable.Range(0, Levels).Select(i => $$"""  "a{{i}}":{"allOf":[{"$ref":"#/$defs/a{{i + 1}}"},{"$ref":"#/$defs/a{{i + 1}}"}]}""");
        var schema = $$"""{"$ref":"#/$defs/a0","$defs":{{{string.Join(',', definitions)}},"a{{Levels}}":{"type":"null"} } }""";
        Assert.That(() => Grammar.FromJsonSchema(schema), Throws.TypeOf<GrammarException>().With.Message.Contains("too many times"));
    }

    [Test]
    public void RepetitionsOfNothingInAnExpressionCount() =>
        Assert.That(() => Grammar.FromJsonSchema("""{"type":"string","pattern":"(?:(?:){10000}){10000}"}"""), Throws.TypeOf<GrammarException>());

    [Test]
    public void CountedRepetitionsOfWhatIsEmptyInTooManyWaysAreRefused() =>
        Assert.That(
            () => Grammar.FromGbnf($"root ::= (\"a\" | e23 \"c\"){{0,3000}}\n{Doubling("\"b\"?", 23)}").Start(GrammarTesting.StoriesTokenizer()),
            Throws.TypeOf<GrammarException>().With.Message.Contains("empty in too many ways"));

    [Test]
    public void RepetitionsOfNothingTakeNoTimeEach()
    {
        var start = Stopwatch.GetTimestamp();
        var grammar = Grammar.FromGbnf($"root ::= \"a\" {string.Concat(Enumerable.Repeat("\"\"{10000000} ", 2000))}");
        Assert.That(GrammarTesting.Accepts(grammar, "a"));
        Assert.That(GrammarTesting.Accepts(grammar, "aa"), Is.False);
        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.LessThan(10));
    }

    [TestCase("""{"type":[1]}""")]
    [TestCase("""{"not":{"enum":5}}""")]
    [TestCase("""{"not":{"pattern":5}}""")]
    [TestCase("""{"const":"\ud800"}""")]
    [TestCase("""{"properties":{"\ud800":{}}}""")]
    [TestCase("""{"minimum":1e-2147483648}""")]
    public void AWrongSchemaIsAnErrorOfTheGrammar(string schema) => Assert.That(() => Grammar.FromJsonSchema(schema), Throws.TypeOf<GrammarException>());

    [Test]
    public void ManyValuesThatMustDifferAreRefusedAtOnce()
    {
        var schema = $$$"""{"type":"array","uniqueItems":true,"items":{"enum":[{{{string.Join(',', Enumerable.Range(0, 200_000))}}}]}}""";
        Assert.That(() => Grammar.FromJsonSchema(schema), Throws.TypeOf<GrammarException>().With.Message.Contains("different values"));
    }

    /// <summary>Rules e1 to e<paramref name="levels"/>, each twice the one before.</summary>
    private static string Doubling(string first, int levels) =>
        $"e0 ::= {first}\n" + string.Concat(Enumerable.Range(1, levels).Select(i => $"e{i} ::= e{i - 1} e{i - 1}\n"));
}
