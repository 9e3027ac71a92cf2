using System.Diagnostics;
using System.Text.Json;
using Abi.Llm.Grammars;

namespace Abi.Llm.Tests.Grammars;

/// <summary>Schemas, expressions and grammars that are small to write and large to follow: refused, or done with in time that their size bounds.</summary>
[Parallelizable]
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

    /// <summary>Each part of such a schema is within bounds; it is their number, times what each takes, that has to be.</summary>
    [TestCaseSource(nameof(ManyTimesMuch))]
    public void ManyTimesMuchEndsInTime(string schema)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            Grammar.FromJsonSchema(schema);
        }
        catch (GrammarException)
        {
        }

        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.LessThan(60));
    }

    private static IEnumerable<TestCaseData> ManyTimesMuch()
    {
        var numbers = string.Join(',', Enumerable.Range(0, 100_000));
        yield return Case("enums", $$"""{"allOf":[{"enum":[{{numbers}}]},{"enum":[{{numbers}},-1]}]}""");
        yield return Case("enums that are refused", $$"""{"enum":[{{numbers}}],"not":{"enum":[{{numbers}},-1]} }""");
        yield return Case("items of a value", $$"""{"enum":[[{{numbers}}]],"items":{"enum":[{{numbers}}]} }""");
        yield return Case("items that must differ", $$"""{"enum":[[{{numbers}}]],"uniqueItems":true}""");
        var names = Enumerable.Range(0, 5_000).Select(i => $"\"p{i}\"").ToArray();
        var patterns = Enumerable.Range(0, 20_000).Select(i => """{"type":"string","pattern":"^[ab]*a[ab]{9}#$"}""".Replace("#", $"{i}", StringComparison.Ordinal));
        const string Reference = """{"$ref":"#/$defs/a"}""";
        yield return Case("a pattern", $$"""{"$defs":{"a":{"type":"string","pattern":"^[ab]*a[ab]{9}$"} },"allOf":[{{Repeated(Reference, 20_000)}}]}""");
        yield return Case("patterns", $$"""{"anyOf":[{{string.Join(',', patterns)}}]}""");
        yield return Case("properties", $$"""{"$defs":{"a":{"properties":{{{string.Join(',', names.Select(name => $"{name}:true"))}}} } },"allOf":[{{Repeated(Reference, 100_000)}}]}""");
        yield return Case("required", $$"""{"$defs":{"a":{"required":[{{string.Join(',', names)}}]} },"allOf":[{{Repeated(Reference, 100_000)}}]}""");

        static TestCaseData Case(string name, string schema) => new TestCaseData(schema).SetArgDisplayNames(name);
        static string Repeated(string text, int count) => string.Join(',', Enumerable.Repeat(text, count));
    }

    [Test]
    public void AListOfVeryManyPlacesIsNoDeepRecursion()
    {
        var places = string.Join(',', Enumerable.Range(0, 90_000).Select(i => $$"""{"const":{{i % 10}}}"""));
        var grammar = Grammar.FromJsonSchema($$"""{"type":"array","items":false,"prefixItems":[{{places}}]}""", new JsonSchemaOptions { IsCompact = true });
        Assert.That(GrammarTesting.Accepts(grammar, $"[{string.Join(',', Enumerable.Range(0, 1_000).Select(i => i % 10))}]"));
        Assert.That(GrammarTesting.Accepts(grammar, $"[{string.Join(',', Enumerable.Range(0, 1_000).Select(i => i % 9))}]"), Is.False);
    }

    /// <summary>Other names have to be told from the known ones only where there may be others.</summary>
    [Test]
    public void ThousandsOfLongNamesAreNamesOfAClosedObject()
    {
        var schema = $$"""{"type":"object","additionalProperties":false,"properties":{{{string.Join(',', Enumerable.Range(0, 1_500).Select(i => $"\"{i:d4} is the number of a property with a long name\":{{\"type\":\"integer\"}}"))}}} }""";
        var grammar = Grammar.FromJsonSchema(schema, new JsonSchemaOptions { IsCompact = true });
        Assert.That(GrammarTesting.Accepts(grammar, """{"0007 is the number of a property with a long name":7,"1499 is the number of a property with a long name":1}"""));
        Assert.That(GrammarTesting.Accepts(grammar, """{"0007 is another":7}"""), Is.False);
    }

    [Test]
    public void AThousandPropertiesMayAllBeLeftOut()
    {
        var grammar = Grammar.FromJsonSchema($$"""{"type":"object","additionalProperties":false,"properties":{{{string.Join(',', Enumerable.Range(0, 1_000).Select(i => $"\"p{i}\":{{\"type\":\"integer\"}}"))}}} }""", new JsonSchemaOptions { IsCompact = true });
        foreach (var text in new[] { "{}", "{\"p0\":1}", "{\"p999\":1}", "{\"p17\":1,\"p418\":2}" })
        {
            Assert.That(GrammarTesting.Accepts(grammar, text), text);
        }

        Assert.That(GrammarTesting.Accepts(grammar, "{\"p17\":1,\"p16\":2}"), Is.False);
        Assert.That(GrammarTesting.Allowed(grammar.Start(GrammarTesting.StoriesTokenizer())), Is.Not.Empty);
    }

    /// <summary>Values are the same however they are written.</summary>
    [Test]
    public void EnumsHaveInCommonWhatIsTheSame()
    {
        var grammar = Grammar.FromJsonSchema("""{"allOf":[{"enum":[1,"a",[1,{"x":1,"y":[2]}],null,2.50,true]},{"enum":[1.0,"a",[1e0,{"y":[2],"x":1}],2.5,false,"b"]}]}""", new JsonSchemaOptions { IsCompact = true });
        Assert.That(new[] { "1.0", "\"a\"", "[1e0,{\"y\":[2],\"x\":1}]", "2.5" }, Has.All.Matches<string>(text => GrammarTesting.Accepts(grammar, text)));
        Assert.That(new[] { "null", "true", "false", "\"b\"" }, Has.None.Matches<string>(text => GrammarTesting.Accepts(grammar, text)));
    }

    /// <summary>Rules e1 to e<paramref name="levels"/>, each twice the one before.</summary>
    private static string Doubling(string first, int levels) =>
        $"e0 ::= {first}\n" + string.Concat(Enumerable.Range(1, levels).Select(i => $"e{i} ::= e{i - 1} e{i - 1}\n"));
}
