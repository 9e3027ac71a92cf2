using System.Text.Json;
using System.Text.Json.Nodes;
using Abi.Llm.Grammars;

namespace Abi.Llm.Tests.Grammars;

/// <summary>Random small schemas, random small values: what is taken is valid by a plain validator, and what is valid is taken.</summary>
/// <remarks>Only keywords that can be honoured exactly, every object closed or open by its own word, properties in the schema's order.</remarks>
[Parallelizable]
public sealed class RandomInstanceTests
{
    private static readonly string[] Names = ["a", "b", "c", "d"];

    [Test]
    public void ValidValuesAreTakenAndOthersAreNot()
    {
        var (valid, invalid, refused) = (0, 0, 0);
        for (var seed = 0; seed < 600; seed++)
        {
            var random = new Random(seed);
            var schema = Schema(random, 2).ToJsonString();
            Grammar grammar;
            try
            {
                grammar = Grammar.FromJsonSchema(schema);
                grammar.Start(GrammarTesting.StoriesTokenizer());
            }
            catch (GrammarException)
            {
                refused++;
                continue;
            }

            var validator = new SchemaValidator(JsonDocument.Parse(schema).RootElement);
            for (var i = 0; i < 40; i++)
            {
                var text = Value(random, 2)?.ToJsonString() ?? "null";
                var isValid = validator.Validate(JsonDocument.Parse(text).RootElement).Count == 0;
                valid += isValid ? 1 : 0;
                invalid += isValid ? 0 : 1;
                Assert.That(GrammarTesting.Accepts(grammar, text), Is.EqualTo(isValid), $"seed {seed}: {schema}\n{text}");
            }
        }

        TestContext.Out.WriteLine($"{valid} valid, {invalid} not, {refused} schemas refused");
        Assert.That(valid, Is.GreaterThan(1000));
        Assert.That(invalid, Is.GreaterThan(1000));
        Assert.That(refused, Is.LessThan(100));
    }

    private static JsonObject Schema(Random random, int depth)
    {
        JsonObject Inner() => Schema(random, depth - 1);
        switch (random.Next(depth > 0 ? 12 : 6))
        {
            case 0:
                return Bounds(random, new JsonObject { ["type"] = "integer" });
            case 1:
                return Bounds(random, new JsonObject { ["type"] = "number" });
            case 2:
                return new JsonObject { ["type"] = "string", ["minLength"] = random.Next(2), ["maxLength"] = 1 + random.Next(2) };
            case 3:
                return new JsonObject { ["type"] = "string", ["pattern"] = random.Next(2) == 0 ? "^a" : "b" };
            case 4:
                return new JsonObject { ["enum"] = new JsonArray(null, true, 1, 3, "a", "ab") };
            case 5:
                return new JsonObject { ["type"] = new JsonArray("string", "integer", "null", "boolean"), ["minLength"] = 1, ["minimum"] = 0 };
            case 6:
                return new JsonObject { ["anyOf"] = new JsonArray(Inner(), Inner()) };
            case 7:
                return new JsonObject { ["allOf"] = new JsonArray(Inner(), Inner()) };
            case 8:
                var array = new JsonObject { ["type"] = "array", ["items"] = Inner(), ["minItems"] = random.Next(2) };
                if (random.Next(2) == 0)
                {
                    array["maxItems"] = 1 + random.Next(2);
                }

                if (random.Next(3) == 0)
                {
                    array["prefixItems"] = new JsonArray(Inner());
                }

                return array;
            case 9:
                return new JsonObject { ["type"] = "array", ["items"] = new JsonObject { ["type"] = new JsonArray("integer", "string") }, ["contains"] = Bounds(random, new JsonObject { ["type"] = "integer" }) };
            default:
                return Object(random, Inner);
        }
    }

    private static JsonObject Bounds(Random random, JsonObject schema)
    {
        if (random.Next(2) == 0)
        {
            schema[random.Next(2) == 0 ? "minimum" : "exclusiveMinimum"] = random.Next(-12, 6) / 2.0;
        }

        if (random.Next(2) == 0)
        {
            schema[random.Next(2) == 0 ? "maximum" : "exclusiveMaximum"] = random.Next(-3, 24) / 2.0;
        }

        if (random.Next(4) == 0)
        {
            schema["multipleOf"] = random.Next(1, 4) / 2.0;
        }

        return schema;
    }

    private static JsonObject Object(Random random, Func<JsonObject> inner)
    {
        var schema = new JsonObject { ["type"] = "object" };
        var properties = new JsonObject();
        foreach (var name in Names.Take(2 + random.Next(3)))
        {
            properties[name] = random.Next(2) == 0 ? true : inner();
        }

        schema["properties"] = properties;
        schema["additionalProperties"] = random.Next(2) == 0 ? false : inner();
        if (random.Next(2) == 0)
        {
            schema["required"] = new JsonArray(Names[random.Next(2)]);
        }

        switch (random.Next(4))
        {
            case 0:
                schema["maxProperties"] = 1 + random.Next(3);
                break;
            case 1:
                schema["dependentRequired"] = new JsonObject { ["a"] = new JsonArray("b") };
                break;
            case 2:
                schema["patternProperties"] = new JsonObject { ["^[cx]"] = inner() };
                break;
        }

        return schema;
    }

    private static JsonNode? Value(Random random, int depth)
    {
        switch (random.Next(depth > 0 ? 9 : 6))
        {
            case 0:
                return null;
            case 1:
                return random.Next(2) == 0;
            case 2:
                return random.Next(-7, 14);
            case 3:
                return random.Next(-28, 56) / 4.0;
            case 4 or 5:
                return new string([.. Enumerable.Range(0, random.Next(4)).Select(_ => "abc"[random.Next(3)])]);
            case 6:
                return new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(_ => Value(random, depth - 1))]);
            default:
                var made = new JsonObject();
                foreach (var name in Names.Append("x").Where(_ => random.Next(2) == 0))
                {
                    made[name] = Value(random, depth - 1);
                }

                return made;
        }
    }
}
