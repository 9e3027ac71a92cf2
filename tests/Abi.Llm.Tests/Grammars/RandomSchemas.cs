using System.Text.Json.Nodes;

namespace Abi.Llm.Tests.Grammars;

/// <summary>Random JSON schemas of every kind of keyword, recursive ones too.</summary>
internal sealed class RandomSchemas(Random random)
{
    private static readonly string[] Names = ["a", "b", "name", "age", "ключ", "x y", "q\"t"];
    private static readonly string[] Patterns = ["^[A-Z]{2}-[0-9]+$", "^a", "b$", "[0-9]{3}", "^(foo|bar)+$", "^[^x]*$", "^\\d{1,3}(\\.\\d{1,2})?$", "^[α-ω]+$"];
    private static readonly string[] Formats = ["date", "time", "date-time", "uuid", "ipv4", "email"];

    public JsonObject Next()
    {
        var schema = Schema(3);
        if (random.Next(4) == 0)
        {
            schema["$defs"] = new JsonObject
            {
                ["node"] = new JsonObject
                {
                    ["type"] = "object",
                    ["properties"] = new JsonObject { ["v"] = Schema(1), ["next"] = new JsonObject { ["anyOf"] = new JsonArray(new JsonObject { ["type"] = "null" }, new JsonObject { ["$ref"] = "#/$defs/node" }) } },
                    ["required"] = new JsonArray("next"),
                    ["additionalProperties"] = false,
                },
            };
            return new JsonObject { ["$defs"] = schema["$defs"]!.DeepClone(), ["type"] = "array", ["items"] = new JsonObject { ["$ref"] = "#/$defs/node" }, ["maxItems"] = 3 };
        }

        return schema;
    }

    private JsonObject Schema(int depth) => random.Next(depth > 0 ? 12 : 7) switch
    {
        0 => Text(),
        1 => Number("integer"),
        2 => Number("number"),
        3 => new JsonObject { ["enum"] = new JsonArray("red", 3, null, true, 1.5, "é\n", new JsonArray(1, "x"), new JsonObject { ["k"] = 1 }) },
        4 => new JsonObject { ["type"] = Pick("boolean", "null") },
        5 => new JsonObject { ["const"] = new JsonObject { ["a"] = new JsonArray(1, 2.5, "z") } },
        6 => new JsonObject { ["type"] = new JsonArray("string", "integer", "null"), ["maxLength"] = 3, ["minimum"] = 7 },
        7 or 8 => Object(depth),
        9 => List(depth),
        10 => Combined(depth),
        _ => Tuple(depth),
    };

    private JsonObject Text()
    {
        var schema = new JsonObject { ["type"] = "string" };
        switch (random.Next(5))
        {
            case 0:
                schema["minLength"] = random.Next(4);
                schema["maxLength"] = 4 + random.Next(5);
                break;
            case 1:
                schema["pattern"] = Pick(Patterns);
                break;
            case 2:
                schema["format"] = Pick(Formats);
                break;
            case 3:
                schema["pattern"] = Pick("^a", "b$", "[0-9]{3}");
                schema["maxLength"] = 3 + random.Next(8);
                break;
        }

        return schema;
    }

    private JsonObject Number(string type)
    {
        var schema = new JsonObject { ["type"] = type };
        var low = random.Next(-2000, 2000) / (type == "number" ? 8.0 : 1.0);
        if (random.Next(2) == 0)
        {
            schema[Pick("minimum", "exclusiveMinimum")] = low;
        }

        if (random.Next(2) == 0)
        {
            schema[Pick("maximum", "exclusiveMaximum")] = low + random.Next(3, 3000);
        }

        if (random.Next(4) == 0)
        {
            schema["multipleOf"] = type == "number" ? Pick2(0.5, 2) : random.Next(1, 4);
        }

        return schema;
    }

    private JsonObject Object(int depth)
    {
        var schema = new JsonObject { ["type"] = "object" };
        var properties = new JsonObject();
        var required = new JsonArray();
        foreach (var name in Names.OrderBy(_ => random.Next()).Take(random.Next(5)))
        {
            properties[name] = Schema(depth - 1);
            if (random.Next(2) == 0)
            {
                required.Add(name);
            }
        }

        schema["properties"] = properties;
        schema["required"] = required;
        switch (random.Next(7))
        {
            case 0:
                schema["additionalProperties"] = false;
                break;
            case 1:
                schema["additionalProperties"] = Schema(0);
                break;
            case 2:
                schema["patternProperties"] = new JsonObject { ["^p[0-9]$"] = Schema(0) };
                schema["additionalProperties"] = random.Next(2) == 0;
                break;
            case 3:
                schema["minProperties"] = random.Next(1, 4);
                schema["additionalProperties"] = Schema(0);
                break;
            case 4:
                schema["maxProperties"] = required.Count + random.Next(3);
                break;
            case 5:
                schema["dependentRequired"] = new JsonObject { ["a"] = new JsonArray("b"), ["name"] = new JsonArray("age") };
                break;
            case 6:
                schema["propertyNames"] = new JsonObject { ["maxLength"] = 3, ["pattern"] = "^[a-z]+$" };
                schema["required"] = new JsonArray();
                schema["additionalProperties"] = Schema(0);
                break;
        }

        return schema;
    }

    private JsonObject List(int depth)
    {
        var schema = new JsonObject { ["type"] = "array", ["items"] = Schema(depth - 1) };
        var minimum = random.Next(3);
        schema["minItems"] = minimum;
        schema["maxItems"] = minimum + random.Next(4);
        if (random.Next(5) == 0)
        {
            schema["items"] = new JsonObject { ["enum"] = new JsonArray("a", "b", 3) };
            schema["uniqueItems"] = true;
        }
        else if (random.Next(5) == 0)
        {
            schema["items"] = new JsonObject { ["type"] = new JsonArray("integer", "string"), ["maxLength"] = 2 };
            schema["contains"] = new JsonObject { ["type"] = "integer", ["minimum"] = 5 };
            schema["maxItems"] = minimum + 3;
            if (random.Next(2) == 0)
            {
                schema["minContains"] = random.Next(3);
                schema["maxContains"] = 2;
            }
        }

        return schema;
    }

    private JsonObject Tuple(int depth) => new()
    {
        ["type"] = "array",
        ["prefixItems"] = new JsonArray(Schema(depth - 1), Schema(0)),
        ["items"] = random.Next(2) == 0 ? false : Schema(0),
        ["minItems"] = random.Next(3),
    };

    private JsonObject Combined(int depth)
    {
        switch (random.Next(6))
        {
            case 0:
                return new JsonObject { ["anyOf"] = new JsonArray(Schema(depth - 1), Schema(depth - 1)) };
            case 1:
                return new JsonObject { ["allOf"] = new JsonArray(Object(depth), new JsonObject { ["properties"] = new JsonObject { ["a"] = Number("integer"), ["z"] = Text() }, ["required"] = new JsonArray("z") }) };
            case 2:
                return new JsonObject { ["oneOf"] = new JsonArray(Number("integer"), Text(), Number("number"), new JsonObject { ["const"] = "x" }) };
            case 3:
                return new JsonObject { ["type"] = new JsonArray("string", "integer"), ["not"] = new JsonObject { ["enum"] = new JsonArray("a", 1, "bb", 2) } };
            case 4:
                return new JsonObject
                {
                    ["type"] = "object", ["properties"] = new JsonObject { ["kind"] = new JsonObject { ["enum"] = new JsonArray("p", "q") }, ["n"] = true }, ["required"] = new JsonArray("kind"),
                    ["if"] = new JsonObject { ["properties"] = new JsonObject { ["kind"] = new JsonObject { ["const"] = "p" } } },
                    ["then"] = new JsonObject { ["required"] = new JsonArray("n"), ["properties"] = new JsonObject { ["n"] = Number("integer") } },
                    ["else"] = new JsonObject { ["properties"] = new JsonObject { ["n"] = new JsonObject { ["type"] = "string" } } },
                };
            default:
                return new JsonObject
                {
                    ["oneOf"] = new JsonArray(Tagged("circle", Number("number")), Tagged("text", Text())),
                    ["unevaluatedProperties"] = false,
                };
        }
    }

    private static JsonObject Tagged(string kind, JsonObject value) => new()
    {
        ["type"] = "object", ["properties"] = new JsonObject { ["kind"] = new JsonObject { ["const"] = kind }, ["value"] = value }, ["required"] = new JsonArray("kind", "value"),
    };

    private string Pick(params string[] options) => options[random.Next(options.Length)];

    private double Pick2(double a, double b) => random.Next(2) == 0 ? a : b;
}
