using System.Text.Json;
using Abi.Llm.Grammars.Regular;
using static Abi.Llm.Grammars.Schema.SchemaKeywords;

namespace Abi.Llm.Grammars.Schema;

/// <summary>Turns a schema that must not hold into the ways not to satisfy it, for <see cref="SchemaBranches"/>.</summary>
internal sealed class SchemaNegation(SchemaDocument document, SchemaBranches ways)
{
    // Keywords whose opposite cannot be told, or not always.
    private static readonly HashSet<string> Untold = new(StringComparer.Ordinal)
    {
        "multipleOf", "format", "items", "prefixItems", "additionalItems", "unevaluatedItems", "contains", "uniqueItems", "patternProperties", "additionalProperties", "unevaluatedProperties",
        "propertyNames", "dependentRequired", "dependentSchemas", "dependencies", "oneOf", "if",
    };

    /// <summary>The ways not to satisfy a schema, as far as they can be told: one of its keywords fails. Being generous, whatever cannot be told may fail.</summary>
    public List<SchemaBranch> Apply(SchemaNode node, List<SchemaBranch> branches)
    {
        if (node.IsTrue)
        {
            return [];
        }

        if (node.IsFalse || (ways.IsGenerous && node.Element.EnumerateObject().Any(member => Untold.Contains(member.Name))))
        {
            return branches;
        }

        ways.Enter(node, isNegation: true);
        ways.Count(1 + branches.Sum(branch => branch.Size), node);
        List<SchemaBranch> result = [];
        List<SchemaBranch> On(JsonKind kind, Func<SchemaBranch, SchemaBranch?> change) =>
            [.. branches.Where(branch => branch.Kind == kind).Select(change).Where(branch => branch is not null).Select(branch => branch!)];
        foreach (var member in node.Element.EnumerateObject())
        {
            var (keyword, value) = (member.Name, member.Value);
            foreach (var way in keyword switch
            {
                "type" => NotType(node, value, branches),
                "enum" => NotValues([.. value.EnumerateArray()], branches, node),
                "const" => NotValues([value], branches, node),
                "minimum" or "exclusiveMinimum" => On(JsonKind.Number, branch => branch.AtMost(Number(node, keyword, value), keyword[0] == 'm')),
                "maximum" or "exclusiveMaximum" => On(JsonKind.Number, branch => branch.AtLeast(Number(node, keyword, value), keyword[0] == 'm')),
                "minLength" => On(JsonKind.String, branch => WholeNumber(node, keyword, value) is var count and > 0 ? branch.AtMost(count - 1) : null),
                "maxLength" => On(JsonKind.String, branch => branch.AtLeast(WholeNumber(node, keyword, value) + 1)),
                "minItems" => On(JsonKind.Array, branch => WholeNumber(node, keyword, value) is var count and > 0 ? branch.AtMost(count - 1) : null),
                "maxItems" => On(JsonKind.Array, branch => branch.AtLeast(WholeNumber(node, keyword, value) + 1)),
                "minProperties" => On(JsonKind.Object, branch => WholeNumber(node, keyword, value) is var count and > 0 ? branch.AtMost(count - 1) : null),
                "maxProperties" => On(JsonKind.Object, branch => branch.AtLeast(WholeNumber(node, keyword, value) + 1)),
                "pattern" => On(JsonKind.String, branch => branch.WithText(ways.Pattern(node, value.GetString()!).Complement())),
                "required" => ways.Texts(node, keyword, value).SelectMany(name => On(JsonKind.Object, branch => SchemaBranches.Without(branch, name))),
                "properties" => value.EnumerateObject().SelectMany(property =>
                {
                    var other = new ObjectGroup([new(property.Name, document.Negation(document.Child(node, property.Value, keyword, property.Name)))], [], null) { Negations = ways.Negations };
                    return On(JsonKind.Object, branch => branch.WithRequired(property.Name) with { Objects = [.. branch.Objects, other] });
                }),
                "items" when !node.Element.TryGetProperty("prefixItems", out _) && value.ValueKind == JsonValueKind.Object =>
                    On(JsonKind.Array, branch => branch with { Contains = [.. branch.Contains, new ContainsRule(document.Negation(document.Child(node, value, keyword)), 1, null)] }),
                "allOf" => ways.Parts(node, keyword, value).SelectMany(part => Apply(part, branches)),
                "anyOf" => ways.Parts(node, keyword, value).Aggregate(branches, (left, part) => Apply(part, left)),
                "not" => ways.Apply(document.Child(node, value, keyword), branches),
                "$ref" => Apply(document.Resolve(node, value.GetString() ?? ""), branches),
                _ => [],
            })
            {
                ways.Count(1, node);
                result.Add(way);
                if (result.Count > 2 * SchemaBranches.MostBranches)
                {
                    result = ways.Prune(result, node); // before there are millions
                }
            }
        }

        ways.Leave(isNegation: true);
        return ways.Prune(result, node);
    }

    private IEnumerable<SchemaBranch> NotType(SchemaNode node, JsonElement value, List<SchemaBranch> branches)
    {
        var names = Types(node, value);
        return branches.Where(branch => !Has(names, branch.Kind) || (ways.IsGenerous && branch.Kind == JsonKind.Number && !names.Contains("number")));
    }

    private IEnumerable<SchemaBranch> NotValues(JsonElement[] values, List<SchemaBranch> branches, SchemaNode node)
    {
        foreach (var branch in branches)
        {
            ways.Count(values.Length, node);
            JsonElement[] own = [.. values.Where(value => SchemaBranches.KindOf(value) == branch.Kind)];
            if (own.Length == 0)
            {
                yield return branch;
            }
            else if (branch.Values is not null || branch.Kind == JsonKind.Boolean)
            {
                using var both = JsonDocument.Parse("[true,false]");
                JsonElement[] all = branch.Values ?? [.. both.RootElement.Clone().EnumerateArray()];
                ways.Count(all.Length, node);
                var refused = own.ToHashSet(JsonValueComparer.Instance);
                yield return branch with { Values = [.. all.Where(value => !refused.Contains(value))] };
            }
            else if (branch.Kind == JsonKind.String)
            {
                yield return branch.WithText(Dfa.OfTexts(own.Select(value => value.GetString()!)).Complement());
            }
            else if (branch.Kind == JsonKind.Number)
            {
                // between the numbers, and outside them
                ExactNumber[] numbers = [.. own.Select(value => ExactNumber.Parse(value.GetRawText(), "not")).Order()];
                for (var i = 0; i <= numbers.Length; i++)
                {
                    var part = i > 0 ? branch.AtLeast(numbers[i - 1], true) : branch;
                    yield return i < numbers.Length ? part.AtMost(numbers[i], true) : part;
                }
            }
            else if (ways.IsGenerous && branch.Kind != JsonKind.Null)
            {
                yield return branch;
            }
        }
    }
}
