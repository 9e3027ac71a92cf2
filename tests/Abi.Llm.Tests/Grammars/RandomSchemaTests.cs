using System.Text.Json;
using Abi.Llm.Grammars;
using Abi.Testing;

namespace Abi.Llm.Tests.Grammars;

/// <summary>Random schemas, random texts under them: every text is JSON and valid.</summary>
public sealed class RandomSchemaTests
{
    [Test]
    public void RandomTextsUnderRandomSchemasAreValid()
    {
        var refused = 0;
        for (var seed = 0; seed < 150; seed++)
        {
            foreach (var (schema, text) in Samples(seed, 2, ref refused))
            {
                JsonDocument instance = null!;
                Assert.That(() => instance = JsonDocument.Parse(text), Throws.Nothing, $"seed {seed}: {text}");
                var errors = new SchemaValidator(JsonDocument.Parse(schema).RootElement).Validate(instance.RootElement);
                Assert.That(errors, Is.Empty, $"seed {seed}: {schema}\n{text}");
            }
        }

        Assert.That(refused, Is.LessThan(30), "schemas refused");
    }

    /// <summary>Writes 10,000 texts of 5,000 different schemas for a validator of others, <c>benchmarks/compare/schemas/validate.py</c>: <c>{"schema":…,"text":…}</c> a line.</summary>
    [Test]
    [Explicit("Writes the file that ABI_SCHEMA_SAMPLES names for a run of python3-jsonschema.")]
    public void WriteRandomTexts()
    {
        const int Wanted = 10_000;
        var path = Environment.GetEnvironmentVariable("ABI_SCHEMA_SAMPLES") ?? Path.Combine(Path.GetTempPath(), "schema-samples.jsonl");
        var (written, refused) = (0, 0);
        var schemas = new HashSet<string>(StringComparer.Ordinal);
        using var writer = new StreamWriter(path);
        for (var seed = 1000; written < Wanted; seed++)
        {
            foreach (var (schema, text) in Samples(seed, 2, ref refused, schemas))
            {
                writer.WriteLine(JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal) { ["schema"] = schema, ["text"] = text }));
                written++;
            }
        }

        TestContext.Out.WriteLine($"{path}: {written} texts of {schemas.Count} schemas, {refused} of them refused");
        Assert.That(refused, Is.LessThan(Wanted / 50), "schemas refused");
    }

    private static List<(string Schema, string Text)> Samples(int seed, int count, ref int refused, HashSet<string>? known = null)
    {
        var random = new Random(seed);
        var schema = new RandomSchemas(random).Next().ToJsonString();
        List<(string, string)> samples = [];
        if (known?.Add(schema) == false)
        {
            return samples;
        }

        Grammar grammar;
        try
        {
            grammar = Grammar.FromJsonSchema(schema);
            grammar.Start(GrammarTesting.StoriesTokenizer());
        }
        catch (GrammarException exception)
        {
            TestContext.Out.WriteLine($"seed {seed}: {exception.Message} {schema}");
            refused++;
            return samples;
        }

        for (var i = 0; i < count; i++)
        {
            var state = grammar.Start(GrammarTesting.StoriesTokenizer());
            try
            {
                samples.Add((schema, GrammarTesting.Sample(grammar, GrammarTesting.StoriesTokenizer(), random, state.TokensToComplete + random.Next(60))));
            }
            catch (Exception exception) when (exception is not SuccessException)
            {
                throw new InvalidOperationException($"seed {seed}: {schema}", exception);
            }
        }

        return samples;
    }
}
