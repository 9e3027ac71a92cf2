using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Abi.Llm.Tests.Grammars;

/// <summary>A plain validator of JSON schemas (draft 2020-12), one keyword after the other; independent of the grammars that it checks.</summary>
internal sealed class SchemaValidator(JsonElement root)
{
    private static readonly Dictionary<string, string> Formats = new(StringComparer.Ordinal)
    {
        ["uuid"] = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", ["email"] = "^[^@]+@[^@]+$", ["ipv4"] = @"^\d{1,3}(\.\d{1,3}){3}$",
    };

    /// <summary>What is wrong; empty when nothing is.</summary>
    public List<string> Validate(JsonElement value)
    {
        List<string> errors = [];
        Check(root, value, "", errors);
        return errors;
    }

    private bool Is(JsonElement schema, JsonElement value)
    {
        List<string> errors = [];
        Check(schema, value, "", errors);
        return errors.Count == 0;
    }

    private void Check(JsonElement schema, JsonElement value, string at, List<string> errors)
    {
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            Require(schema.ValueKind == JsonValueKind.True, "false");
            return;
        }

        void Require(bool condition, string keyword)
        {
            if (!condition)
            {
                errors.Add($"{at}: {keyword}");
            }
        }

        var number = value.ValueKind == JsonValueKind.Number ? Number(value.GetRawText()) : (decimal?)null;
        var text = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        var length = text?.EnumerateRunes().Count();
        var items = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().ToArray() : null;
        var properties = value.ValueKind == JsonValueKind.Object ? value.EnumerateObject().GroupBy(p => p.Name, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Last().Value, StringComparer.Ordinal) : null;
        foreach (var member in schema.EnumerateObject())
        {
            var k = member.Value;
            switch (member.Name)
            {
                case "$ref":
                    Check(k.GetString()!.Split('/')[1..].Aggregate(root, (element, step) => element.GetProperty(step)), value, at, errors);
                    break;
                case "type":
                    Require((k.ValueKind == JsonValueKind.Array ? k.EnumerateArray().Select(t => t.GetString()!) : [k.GetString()!]).Any(type => type switch
                    {
                        "integer" => number is { } n && n == decimal.Truncate(n),
                        "number" => number is not null,
                        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
                        _ => string.Equals(type, value.ValueKind.ToString(), StringComparison.OrdinalIgnoreCase),
                    }), "type");
                    break;
                case "enum":
                    Require(k.EnumerateArray().Any(other => JsonElement.DeepEquals(other, value)), "enum");
                    break;
                case "const":
                    Require(JsonElement.DeepEquals(k, value), "const");
                    break;
                case "minimum" when number is not null:
                    Require(number >= k.GetDecimal(), "minimum");
                    break;
                case "exclusiveMinimum" when number is not null:
                    Require(number > k.GetDecimal(), "exclusiveMinimum");
                    break;
                case "maximum" when number is not null:
                    Require(number <= k.GetDecimal(), "maximum");
                    break;
                case "exclusiveMaximum" when number is not null:
                    Require(number < k.GetDecimal(), "exclusiveMaximum");
                    break;
                case "multipleOf" when number is not null:
                    Require(number % k.GetDecimal() == 0, "multipleOf");
                    break;
                case "minLength" when text is not null:
                    Require(length >= k.GetInt32(), "minLength");
                    break;
                case "maxLength" when text is not null:
                    Require(length <= k.GetInt32(), "maxLength");
                    break;
                case "pattern" when text is not null:
                    Require(Regex.IsMatch(text, k.GetString()!, RegexOptions.ECMAScript) || Regex.IsMatch(text, k.GetString()!), "pattern");
                    break;
                case "format" when text is not null:
                    Require(Formats.TryGetValue(k.GetString()!, out var format) ? Regex.IsMatch(text, format) : k.GetString() switch
                    {
                        "date" => DateOnly.TryParseExact(text.StartsWith("0000", StringComparison.Ordinal) ? "2000" + text[4..] : text, "yyyy-MM-dd", out _),
                        "ipv6" => System.Net.IPAddress.TryParse(text, out var address) && address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6,
                        "uri" => Uri.TryCreate(text, UriKind.Absolute, out _),
                        "time" => Regex.IsMatch(text, @"^\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"),
                        "password" => true, // what the specification does not know is a note
                        _ => Regex.IsMatch(text, @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"),
                    }, "format");
                    break;
                case "minItems" when items is not null:
                    Require(items.Length >= k.GetInt32(), "minItems");
                    break;
                case "maxItems" when items is not null:
                    Require(items.Length <= k.GetInt32(), "maxItems");
                    break;
                case "uniqueItems" when items is not null && k.GetBoolean():
                    Require(!items.Where((item, i) => items.Take(i).Any(other => JsonElement.DeepEquals(item, other))).Any(), "uniqueItems");
                    break;
                case "prefixItems" when items is not null:
                    foreach (var (part, item) in k.EnumerateArray().Zip(items))
                    {
                        Check(part, item, $"{at}/prefix", errors);
                    }

                    break;
                case "items" when items is not null:
                    foreach (var item in items.Skip(schema.TryGetProperty("prefixItems", out var prefix) ? prefix.GetArrayLength() : 0))
                    {
                        Check(k, item, $"{at}/items", errors);
                    }

                    break;
                case "contains" when items is not null:
                    var count = items.Count(item => Is(k, item));
                    Require(count >= (schema.TryGetProperty("minContains", out var min) ? min.GetInt32() : 1) && count <= (schema.TryGetProperty("maxContains", out var max) ? max.GetInt32() : int.MaxValue), "contains");
                    break;
                case "required" when properties is not null:
                    Require(k.EnumerateArray().All(name => properties.ContainsKey(name.GetString()!)), "required");
                    break;
                case "minProperties" when properties is not null:
                    Require(properties.Count >= k.GetInt32(), "minProperties");
                    break;
                case "maxProperties" when properties is not null:
                    Require(properties.Count <= k.GetInt32(), "maxProperties");
                    break;
                case "properties" or "patternProperties" when properties is not null:
                    foreach (var (name, inner) in properties)
                    {
                        foreach (var part in k.EnumerateObject().Where(part => member.Name == "properties" ? part.Name == name : Regex.IsMatch(name, part.Name)))
                        {
                            Check(part.Value, inner, $"{at}/{name}", errors);
                        }
                    }

                    break;
                case "additionalProperties" when properties is not null:
                    foreach (var (name, inner) in properties.Where(p => !Evaluated(schema, p.Key)))
                    {
                        Check(k, inner, $"{at}/{name}", errors);
                    }

                    break;
                case "unevaluatedProperties" when properties is not null:
                    foreach (var (name, inner) in properties.Where(p => !Evaluated(schema, p.Key) && !Parts(schema).Any(part => Is(part, value) && Evaluated(part, p.Key))))
                    {
                        Check(k, inner, $"{at}/{name}", errors);
                    }

                    break;
                case "propertyNames" when properties is not null:
                    foreach (var name in properties.Keys)
                    {
                        Check(k, JsonSerializer.SerializeToElement(name), $"{at}/{name}", errors);
                    }

                    break;
                case "dependentRequired" when properties is not null:
                    Require(k.EnumerateObject().All(d => !properties.ContainsKey(d.Name) || d.Value.EnumerateArray().All(name => properties.ContainsKey(name.GetString()!))), "dependentRequired");
                    break;
                case "dependentSchemas" when properties is not null:
                    Require(k.EnumerateObject().All(d => !properties.ContainsKey(d.Name) || Is(d.Value, value)), "dependentSchemas");
                    break;
                case "allOf":
                    Require(k.EnumerateArray().All(part => Is(part, value)), "allOf");
                    break;
                case "anyOf":
                    Require(k.EnumerateArray().Any(part => Is(part, value)), "anyOf");
                    break;
                case "oneOf":
                    Require(k.EnumerateArray().Count(part => Is(part, value)) == 1, "oneOf");
                    break;
                case "not":
                    Require(!Is(k, value), "not");
                    break;
                case "if":
                    Require(!schema.TryGetProperty(Is(k, value) ? "then" : "else", out var branch) || Is(branch, value), "if");
                    break;
            }
        }
    }

    /// <summary>The number; the nearest one where there is none so large.</summary>
    private static decimal Number(string text) =>
        decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : text[0] == '-' ? decimal.MinValue : decimal.MaxValue;

    private static bool Evaluated(JsonElement schema, string name) =>
        (schema.TryGetProperty("properties", out var named) && named.TryGetProperty(name, out _))
        || (schema.TryGetProperty("patternProperties", out var patterns) && patterns.EnumerateObject().Any(p => Regex.IsMatch(name, p.Name)));

    private static IEnumerable<JsonElement> Parts(JsonElement schema) =>
        ((string[])["allOf", "anyOf", "oneOf"]).SelectMany(keyword => schema.TryGetProperty(keyword, out var parts) ? parts.EnumerateArray().ToArray() : []);
}
