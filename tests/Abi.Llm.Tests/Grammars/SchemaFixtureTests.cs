using System.Text.Encodings.Web;
using System.Text.Json;
using Abi.Llm.Grammars;
using Abi.Testing;

namespace Abi.Llm.Tests.Grammars;

/// <summary>Every schema of the reference data: what a validator calls valid is accepted, what it calls invalid is not, and what is generated at random is valid JSON.</summary>
public sealed class SchemaFixtureTests
{
    private static readonly JsonElement File = Fixtures.TryPath("sampling", "json-schemas.json") is { } path ? JsonDocument.Parse(System.IO.File.ReadAllText(path)).RootElement : default;
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static IEnumerable<string> Names() => File.ValueKind == JsonValueKind.Object ? File.GetProperty("schemas").EnumerateArray().Select(schema => schema.GetProperty("name").GetString()!) : [""];

    [TestCaseSource(nameof(Names))]
    public void InstancesHaveTheValidatorsVerdicts(string name)
    {
        Fixtures.Path("sampling");
        var entry = File.GetProperty("schemas").EnumerateArray().First(schema => schema.GetProperty("name").GetString() == name);
        var grammar = Grammar.FromJsonSchema(entry.GetProperty("schema"));
        foreach (var instance in entry.GetProperty("valid").EnumerateArray())
        {
            Assert.That(GrammarTesting.Accepts(grammar, JsonSerializer.Serialize(instance, Plain)), $"valid: {instance.GetRawText()}");
            Assert.That(GrammarTesting.Accepts(grammar, instance.GetRawText()), $"valid: {instance.GetRawText()}");
        }

        foreach (var instance in entry.GetProperty("invalid").EnumerateArray())
        {
            Assert.That(GrammarTesting.Accepts(grammar, JsonSerializer.Serialize(instance, Plain)), Is.False, $"invalid: {instance.GetRawText()}");
        }

        var random = new Random(5);
        for (var i = 0; i < 5; i++)
        {
            var text = GrammarTesting.Sample(grammar, GrammarTesting.StoriesTokenizer(), random, 120);
            Assert.That(() => JsonDocument.Parse(text), Throws.Nothing, text);
        }
    }
}
