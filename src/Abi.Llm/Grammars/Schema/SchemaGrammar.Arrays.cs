using System.Text.Json;

namespace Abi.Llm.Grammars.Schema;

/// <summary>Arrays.</summary>
internal sealed partial class SchemaGrammar
{
    private const int LargestCounted = 256;
    private const int LargestUnique = 8;
    private const int PlacesOfARule = 64;

    private static List<SchemaNode> ItemSchemas(SchemaBranch branch, int index)
    {
        List<SchemaNode> schemas = [];
        foreach (var group in branch.Arrays)
        {
            if (index < group.Prefix.Count)
            {
                schemas.Add(group.Prefix[index]);
            }
            else if (group.Items is not null)
            {
                schemas.Add(group.Items);
            }
        }

        return schemas;
    }

    private GrammarNode Array(SchemaBranch branch, string path)
    {
        var prefix = branch.Arrays.Select(group => group.Prefix.Count).DefaultIfEmpty().Max();
        var items = branch.IsUnique && branch.Maximum is not (0 or 1) ? Unique(branch, prefix, path)
            : branch.Contains.Length > 0 ? Containing(branch, prefix, path)
            : Items(branch, prefix, path);
        return GrammarNode.Join(GrammarNode.Text("["), _space, items, GrammarNode.Text("]"));
    }

    private GrammarNode Items(SchemaBranch branch, int prefix, string path)
    {
        var (minimum, maximum) = (branch.Minimum, branch.Maximum);
        GrammarNode Item(int index) => index == 0 ? ValueOf(ItemSchemas(branch, 0)) : GrammarNode.Join(GrammarNode.Text(","), _space, ValueOf(ItemSchemas(branch, index)));

        // from the last place to the first: all places from the prefix's end on are alike, but for the comma
        var firstAlike = Math.Max(prefix, 1);
        GrammarNode rest = maximum <= firstAlike
            ? minimum > firstAlike ? GrammarNode.Nothing : GrammarNode.Empty
            : new GrammarNode.Repeat(Item(firstAlike), Math.Max(0, minimum - firstAlike), maximum - firstAlike);
        for (var index = firstAlike - 1; index >= 0; index--)
        {
            if (index >= maximum)
            {
                rest = index >= minimum ? GrammarNode.Empty : GrammarNode.Nothing;
                continue;
            }

            var more = GrammarNode.Join(Item(index), rest, index == 0 ? _space : GrammarNode.Empty);
            rest = index >= minimum ? GrammarNode.Optional(more) : more;
            if (index % PlacesOfARule == 0 && index > 0)
            {
                // no deep nesting: places may be many thousands
                rest = new GrammarNode.Reference(_rules.Add($"{path}/prefixItems", rest));
            }
        }

        return rest;
    }

    /// <summary>Places and items that were counted as containing, as rules: what may follow depends on both.</summary>
    private GrammarNode.Reference Containing(SchemaBranch branch, int prefix, string path)
    {
        if (branch.Contains.Length > 1)
        {
            throw new GrammarException($"'contains' more than once for the same array at {path} cannot be honoured.");
        }

        var rule = branch.Contains[0];
        var places = Math.Max(prefix, Math.Max(branch.Minimum, branch.Maximum ?? 0)) + 1;
        if (places > LargestCounted || rule.Minimum > LargestCounted || rule.Maximum > LargestCounted)
        {
            throw new GrammarException($"'contains' at {path} cannot be honoured for arrays and counts above {LargestCounted}.");
        }

        var counts = (rule.Maximum ?? rule.Minimum) + 1;
        var made = new Dictionary<(int, int), int>();
        return new GrammarNode.Reference(From(0, 0));

        int From(int place, int count)
        {
            if (made.TryGetValue((place, count), out var known))
            {
                return known;
            }

            var index = _rules.Add($"{path}/contains");
            made.Add((place, count), index);
            List<GrammarNode> options = [];
            if (place >= branch.Minimum && count >= rule.Minimum)
            {
                options.Add(place == 0 ? GrammarNode.Empty : _space);
            }

            if (branch.Maximum is null || place < branch.Maximum)
            {
                var next = branch.Maximum is null ? Math.Min(place + 1, places) : place + 1;
                var comma = place == 0 ? GrammarNode.Empty : GrammarNode.Join(GrammarNode.Text(","), _space);
                var schemas = ItemSchemas(branch, place);
                if (count + 1 < counts)
                {
                    options.Add(GrammarNode.Join(comma, ValueOf([.. schemas, rule.Schema]), new GrammarNode.Reference(From(next, count + 1))));
                }

                options.Add(GrammarNode.Join(comma, rule.Maximum is null ? ValueOf(schemas) : ValueOf([.. schemas, _document.Negation(rule.Schema)]), new GrammarNode.Reference(From(next, count))));
            }

            _rules[index] = new GrammarNode.Choice([.. options]);
            return index;
        }
    }

    /// <summary>Items that differ: only for few given values, by the set of those that are left.</summary>
    private GrammarNode.Reference Unique(SchemaBranch branch, int prefix, string path)
    {
        var ways = _branches.Of(ItemSchemas(branch, 0));
        if (prefix > 0 || branch.Contains.Length > 0 || !ways.TrueForAll(way => way.Values is not null || way.Kind is JsonKind.Null or JsonKind.Boolean))
        {
            throw new GrammarException($"'uniqueItems' at {path} can be honoured only for items of a few given values (enum), or with maxItems 1.");
        }

        var values = new List<JsonElement>();
        foreach (var way in ways)
        {
            using var fixedValues = JsonDocument.Parse(way.Kind == JsonKind.Null ? "[null]" : "[true,false]");
            values.AddRange((way.Values ?? [.. fixedValues.RootElement.Clone().EnumerateArray()]).Where(value => Allows(way, value, 0)));
        }

        List<JsonElement> distinct = [];
        foreach (var value in values.Where(value => !distinct.Exists(other => JsonElement.DeepEquals(value, other))))
        {
            if (distinct.Count == LargestUnique)
            {
                throw new GrammarException($"'uniqueItems' at {path} can be honoured for up to {LargestUnique} different values; the items have more.");
            }

            distinct.Add(value);
        }

        var made = new Dictionary<int, int>();
        return new GrammarNode.Reference(From(0));

        int From(int taken)
        {
            if (made.TryGetValue(taken, out var known))
            {
                return known;
            }

            var index = _rules.Add($"{path}/uniqueItems");
            made.Add(taken, index);
            var count = System.Numerics.BitOperations.PopCount((uint)taken);
            List<GrammarNode> options = [];
            if (count >= branch.Minimum)
            {
                options.Add(count == 0 ? GrammarNode.Empty : _space);
            }

            for (var i = 0; i < distinct.Count && count < (branch.Maximum ?? int.MaxValue); i++)
            {
                if ((taken >> i & 1) == 0)
                {
                    options.Add(GrammarNode.Join(count == 0 ? GrammarNode.Empty : GrammarNode.Join(GrammarNode.Text(","), _space), Literal(distinct[i]), new GrammarNode.Reference(From(taken | (1 << i)))));
                }
            }

            _rules[index] = new GrammarNode.Choice([.. options]);
            return index;
        }
    }
}
