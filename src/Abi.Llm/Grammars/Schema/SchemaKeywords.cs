using System.Text.Json;

namespace Abi.Llm.Grammars.Schema;

/// <summary>What keywords of a schema hold, checked.</summary>
internal static class SchemaKeywords
{
    /// <summary>Whether values of a kind may be of one of these types.</summary>
    public static bool Has(string[] names, JsonKind kind) => kind == JsonKind.Number ? names.Contains("number") || names.Contains("integer") : names.Contains(kind.ToString().ToLowerInvariant());

    /// <summary>The names of types that "type" holds.</summary>
    public static string[] Types(SchemaNode node, JsonElement value)
    {
        string[] names = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(item => item.GetString() ?? "").Distinct(StringComparer.Ordinal)] : value.ValueKind == JsonValueKind.String ? [value.GetString()!] : [];
        return names.Length > 0 && System.Array.TrueForAll(names, name => name is "null" or "boolean" or "integer" or "number" or "string" or "array" or "object")
            ? names
            : throw Wrong(node, "type", "a name or a list of names out of null, boolean, integer, number, string, array and object");
    }

    /// <summary>A number.</summary>
    public static ExactNumber Number(SchemaNode node, string keyword, JsonElement value) =>
        ExactNumber.Parse(Expect(node, keyword, value, JsonValueKind.Number).GetRawText(), $"{node.Path}/{keyword}");

    /// <summary>A whole number of 0 or more, or the most that matters.</summary>
    public static int WholeNumber(SchemaNode node, string keyword, JsonElement value)
    {
        var number = Number(node, keyword, value);
        return number.IsInteger && number.Digits >= 0
            ? (int)System.Numerics.BigInteger.Min(number.Digits, GrammarLimits.Repetitions)
            : throw Wrong(node, keyword, "a whole number of 0 or more");
    }

    /// <summary>The value, which must be of this kind.</summary>
    public static JsonElement Expect(SchemaNode node, string keyword, JsonElement value, JsonValueKind kind) =>
        value.ValueKind == kind ? value : throw Wrong(node, keyword, $"a JSON {kind.ToString().ToLowerInvariant()}");

    /// <summary>Tells that a keyword holds something else.</summary>
    public static GrammarException Wrong(SchemaNode node, string keyword, string expected) => new($"'{keyword}' at {node.Path} must be {expected}.");
}
