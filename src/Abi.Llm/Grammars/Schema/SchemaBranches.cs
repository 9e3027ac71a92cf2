using System.Text.Json;
using Abi.Llm.Grammars.Regular;

namespace Abi.Llm.Grammars.Schema;

/// <summary>
/// Turns schemas that must hold together into the ways to satisfy them. What cannot be turned exactly is turned into fewer ways, never into more: every value of a way
/// satisfies the schemas.
/// </summary>
internal sealed class SchemaBranches(SchemaDocument document)
{
    private const int MostBranches = 2000;
    private const long MostWork = 2_000_000;
    private const int LookupsOfAStep = 16; // that take about the time of a step of other work

    // Keywords whose opposite cannot be told, or not always.
    private static readonly HashSet<string> Untold = new(StringComparer.Ordinal)
    {
        "multipleOf", "format", "items", "prefixItems", "additionalItems", "unevaluatedItems", "contains", "uniqueItems", "patternProperties", "additionalProperties", "unevaluatedProperties",
        "propertyNames", "dependentRequired", "dependentSchemas", "dependencies", "oneOf", "if",
    };

    private readonly Dictionary<string, Dfa> _patterns = new(StringComparer.Ordinal);
    private readonly Dictionary<string, bool> _impossible = new(StringComparer.Ordinal); // whether no value satisfies schemas together, by their numbers
    private HashSet<int> _open = [];
    private int _depth;
    private int _negations;
    private bool _isGenerous; // more ways rather than fewer: where there are none then, there are none
    private long _work;

    /// <summary>The ways to satisfy all of the schemas.</summary>
    public List<SchemaBranch> Of(IEnumerable<SchemaNode> schemas)
    {
        List<SchemaBranch> branches = [.. Enum.GetValues<JsonKind>().Select(kind => new SchemaBranch(kind))];
        foreach (var schema in schemas)
        {
            branches = Apply(schema, branches);
        }

        return branches;
    }

    private List<SchemaBranch> Apply(SchemaNode node, List<SchemaBranch> branches)
    {
        Count(1 + branches.Sum(branch => branch.Size), node); // also where nothing is to be done: lists may hold a million such schemas
        if (node.IsTrue || branches.Count == 0)
        {
            return branches;
        }

        if (node.IsFalse)
        {
            return [];
        }

        if (!_open.Add(node.Id))
        {
            throw new GrammarException($"The schema at {node.Path} refers to itself before any value begins; it has no meaning.");
        }

        if (++_depth > GrammarLimits.Nesting)
        {
            throw new GrammarException($"Schemas refer to one another more than {GrammarLimits.Nesting} deep at {node.Path}.");
        }

        var before = branches;
        foreach (var member in node.Element.EnumerateObject())
        {
            var next = ApplyKeyword(node, member.Name, member.Value, branches);
            branches = ReferenceEquals(next, branches) ? branches : Prune(next, node);
        }

        branches = ApplyUnevaluated(node, before, branches);
        _depth--;
        _open.Remove(node.Id);
        return branches;
    }

    private List<SchemaBranch> ApplyKeyword(SchemaNode node, string keyword, JsonElement value, List<SchemaBranch> branches)
    {
        List<SchemaBranch> On(JsonKind kind, Func<SchemaBranch, SchemaBranch?> change) =>
            [.. branches.Select(branch => branch.Kind == kind ? change(branch) : branch).Where(branch => branch is not null).Select(branch => branch!)];
        switch (keyword)
        {
            case "type":
                return ApplyType(node, value, branches);
            case "enum":
                return WithValues([.. Expect(node, keyword, value, JsonValueKind.Array).EnumerateArray()], branches, node);
            case "const":
                return WithValues([value], branches, node);
            case "minimum" or "exclusiveMinimum":
                var least = Number(node, keyword, value);
                return On(JsonKind.Number, branch => branch.AtLeast(least, keyword[0] == 'e'));
            case "maximum" or "exclusiveMaximum":
                var most = Number(node, keyword, value);
                return On(JsonKind.Number, branch => branch.AtMost(most, keyword[0] == 'e'));
            case "multipleOf":
                var step = Number(node, keyword, value);
                return step.Digits > 0 ? On(JsonKind.Number, branch => branch with { Steps = [.. branch.Steps, step] }) : throw Wrong(node, keyword, "a number above 0");
            case "minLength":
                return On(JsonKind.String, branch => branch.AtLeast(Count(node, keyword, value)));
            case "maxLength":
                return On(JsonKind.String, branch => branch.AtMost(Count(node, keyword, value)));
            case "pattern":
                var pattern = Pattern(node, Expect(node, keyword, value, JsonValueKind.String).GetString()!);
                return On(JsonKind.String, branch => branch.WithText(pattern));
            case "format":
                var name = Expect(node, keyword, value, JsonValueKind.String).GetString()!;
                if (SchemaFormats.Find(name) is { } format)
                {
                    return On(JsonKind.String, branch => branch.WithText(format));
                }

                return name is "regex" or "uri-template"
                    ? throw new GrammarException($"'format' at {node.Path} is '{name}', which cannot be honoured; known are {SchemaFormats.Known}. Use 'pattern' instead.")
                    : branches; // formats of other specifications (int32, password) are notes
            case "minItems":
                return On(JsonKind.Array, branch => branch.AtLeast(Count(node, keyword, value)));
            case "maxItems":
                return On(JsonKind.Array, branch => branch.AtMost(Count(node, keyword, value)));
            case "uniqueItems":
                return value.ValueKind == JsonValueKind.True ? On(JsonKind.Array, branch => branch with { IsUnique = true }) : branches;
            case "prefixItems" or "items":
                return keyword == "items" && node.Element.TryGetProperty("prefixItems", out _) ? branches : On(JsonKind.Array, branch => branch with { Arrays = [.. branch.Arrays, Array(node)] });
            case "contains":
                var minimum = node.Element.TryGetProperty("minContains", out var min) ? Count(node, "minContains", min) : 1;
                var maximum = node.Element.TryGetProperty("maxContains", out var max) ? Count(node, "maxContains", max) : (int?)null;
                var contains = new ContainsRule(document.Child(node, value, keyword), minimum, maximum);
                return On(JsonKind.Array, branch => branch with { Contains = [.. branch.Contains, contains] });
            case "properties" or "patternProperties" or "additionalProperties":
                var isFirst = keyword == "properties"
                    || (keyword == "patternProperties" ? !node.Element.TryGetProperty("properties", out _) : !node.Element.TryGetProperty("properties", out _) && !node.Element.TryGetProperty("patternProperties", out _));
                if (!isFirst)
                {
                    return branches;
                }

                var group = Object(node);
                return On(JsonKind.Object, branch => branch with { Objects = [.. branch.Objects, group] });
            case "required":
                var names = Texts(node, keyword, value);
                return On(JsonKind.Object, branch => branch.WithRequired(names));
            case "minProperties":
                return On(JsonKind.Object, branch => branch.AtLeast(Count(node, keyword, value)));
            case "maxProperties":
                return On(JsonKind.Object, branch => branch.AtMost(Count(node, keyword, value)));
            case "propertyNames":
                var propertyNames = document.Child(node, value, keyword);
                return On(JsonKind.Object, branch => branch with { Names = [.. branch.Names, propertyNames] });
            case "dependentRequired" or "dependentSchemas" or "dependencies":
                return ApplyDependencies(node, keyword, value, branches);
            case "$ref":
                return Apply(document.Resolve(node, Expect(node, keyword, value, JsonValueKind.String).GetString()!), branches);
            case "allOf":
                return Parts(node, keyword, value).Aggregate(branches, (result, part) => Apply(part, result));
            case "anyOf":
                return [.. Parts(node, keyword, value).SelectMany(part => Apply(part, branches))];
            case "oneOf":
                return ApplyOneOf(Parts(node, keyword, value), branches, node);
            case "not":
                var negated = document.Child(node, value, keyword);
                return Refuse(ApplyNot(negated, branches), branches, node, keyword);
            case "if":
                var condition = document.Child(node, value, keyword);
                var yes = Apply(condition, branches);
                var no = ApplyNot(condition, branches);
                yes = node.Element.TryGetProperty("then", out var then) ? Apply(document.Child(node, then, "then"), yes) : yes;
                no = node.Element.TryGetProperty("else", out var otherwise) ? Apply(document.Child(node, otherwise, "else"), no) : no;
                return [.. yes, .. no];
            case "$dynamicRef" or "$recursiveRef":
                throw new GrammarException($"'{keyword}' at {node.Path} cannot be honoured; use '$ref'.");
            default:
                // names that the specification does not know are notes, as it says
                return branches;
        }
    }

    /// <summary>The ways not to satisfy a schema, as far as they can be told: one of its keywords fails. Being generous, whatever cannot be told may fail.</summary>
    private List<SchemaBranch> ApplyNot(SchemaNode node, List<SchemaBranch> branches)
    {
        if (node.IsTrue)
        {
            return [];
        }

        if (node.IsFalse || (_isGenerous && node.Element.EnumerateObject().Any(member => Untold.Contains(member.Name))))
        {
            return branches;
        }

        if (++_depth > GrammarLimits.Nesting)
        {
            throw new GrammarException($"Schemas refer to one another more than {GrammarLimits.Nesting} deep at {node.Path}.");
        }

        Count(1 + branches.Sum(branch => branch.Size), node);
        _negations++;
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
                "minLength" => On(JsonKind.String, branch => Count(node, keyword, value) is var count and > 0 ? branch.AtMost(count - 1) : null),
                "maxLength" => On(JsonKind.String, branch => branch.AtLeast(Count(node, keyword, value) + 1)),
                "minItems" => On(JsonKind.Array, branch => Count(node, keyword, value) is var count and > 0 ? branch.AtMost(count - 1) : null),
                "maxItems" => On(JsonKind.Array, branch => branch.AtLeast(Count(node, keyword, value) + 1)),
                "minProperties" => On(JsonKind.Object, branch => Count(node, keyword, value) is var count and > 0 ? branch.AtMost(count - 1) : null),
                "maxProperties" => On(JsonKind.Object, branch => branch.AtLeast(Count(node, keyword, value) + 1)),
                "pattern" => On(JsonKind.String, branch => branch.WithText(Pattern(node, value.GetString()!).Complement())),
                "required" => Texts(node, keyword, value).SelectMany(name => On(JsonKind.Object, branch => Without(branch, name))),
                "properties" => value.EnumerateObject().SelectMany(property =>
                {
                    var other = new ObjectGroup([new(property.Name, document.Negation(document.Child(node, property.Value, keyword, property.Name)))], [], null) { Negations = _negations };
                    return On(JsonKind.Object, branch => branch.WithRequired(property.Name) with { Objects = [.. branch.Objects, other] });
                }),
                "items" when !node.Element.TryGetProperty("prefixItems", out _) && value.ValueKind == JsonValueKind.Object =>
                    On(JsonKind.Array, branch => branch with { Contains = [.. branch.Contains, new ContainsRule(document.Negation(document.Child(node, value, keyword)), 1, null)] }),
                "allOf" => Parts(node, keyword, value).SelectMany(part => ApplyNot(part, branches)),
                "anyOf" => Parts(node, keyword, value).Aggregate(branches, (left, part) => ApplyNot(part, left)),
                "not" => Apply(document.Child(node, value, keyword), branches),
                "$ref" => ApplyNot(document.Resolve(node, value.GetString() ?? ""), branches),
                _ => [],
            })
            {
                Count(1, node);
                result.Add(way);
                if (result.Count > 2 * MostBranches)
                {
                    result = Prune(result, node); // before there are millions
                }
            }
        }

        _negations--;
        _depth--;
        return Prune(result, node);
    }

    /// <summary>Schemas that use one another twice and twice again take time without giving more ways.</summary>
    private void Count(long work, string path)
    {
        _work += work;
        if (_work > MostWork)
        {
            throw new GrammarException($"Schemas refer to one another too many times at {path}; use fewer references, allOf, anyOf, oneOf and if together.");
        }
    }

    /// <summary>Counts that names are looked up in all that a way says of properties, and tried by its patterns.</summary>
    public void CountLookups(SchemaBranch branch, IReadOnlyCollection<string> names, string path)
    {
        var patterns = branch.Objects.Sum(group => (long)group.Patterns.Count);
        Count((((long)names.Count * branch.Objects.Length) + (patterns * names.Sum(name => name.Length + 1L))) / LookupsOfAStep, path);
    }

    /// <summary>What is the same for the same schemas, in whatever order they come.</summary>
    public string KeyOf(SchemaNode[] schemas)
    {
        Count(schemas.Length / 3, schemas.Length > 0 ? schemas[0].Path : "#"); // a few of them take no time
        return string.Join(' ', schemas.Select(schema => schema.Id).Order());
    }

    private void Count(long work, SchemaNode node) => Count(work, node.Path);

    private static SchemaBranch Without(SchemaBranch branch, string name) =>
        branch with { Objects = [.. branch.Objects, new ObjectGroup([new(name, False)], [], null)] };

    /// <summary>A schema that allows nothing, for properties that must not be there.</summary>
    public static SchemaNode False { get; } = MakeFalse();

    private static SchemaNode MakeFalse()
    {
        using var parsed = JsonDocument.Parse("false");
        var element = parsed.RootElement.Clone();
        return new SchemaNode(-1, element, "#false", element, "#false");
    }

    private static List<SchemaBranch> ApplyType(SchemaNode node, JsonElement value, List<SchemaBranch> branches)
    {
        var names = Types(node, value);
        return [.. branches.Where(branch => Has(names, branch.Kind)).Select(branch => branch.Kind == JsonKind.Number && !names.Contains("number") ? branch with { IsInteger = true } : branch)];
    }

    private static bool Has(string[] names, JsonKind kind) => kind == JsonKind.Number ? names.Contains("number") || names.Contains("integer") : names.Contains(kind.ToString().ToLowerInvariant());

    private static string[] Types(SchemaNode node, JsonElement value)
    {
        string[] names = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(item => item.GetString() ?? "").Distinct(StringComparer.Ordinal)] : value.ValueKind == JsonValueKind.String ? [value.GetString()!] : [];
        return names.Length > 0 && System.Array.TrueForAll(names, name => name is "null" or "boolean" or "integer" or "number" or "string" or "array" or "object")
            ? names
            : throw Wrong(node, "type", "a name or a list of names out of null, boolean, integer, number, string, array and object");
    }

    private IEnumerable<SchemaBranch> NotType(SchemaNode node, JsonElement value, List<SchemaBranch> branches)
    {
        var names = Types(node, value);
        return branches.Where(branch => !Has(names, branch.Kind) || (_isGenerous && branch.Kind == JsonKind.Number && !names.Contains("number")));
    }

    private List<SchemaBranch> WithValues(JsonElement[] values, List<SchemaBranch> branches, SchemaNode node)
    {
        // what the other keywords say is looked at when the values are written out
        Count(values.Length, node);
        var byKind = values.GroupBy(KindOf).ToDictionary(group => group.Key, group => group.ToArray());
        List<SchemaBranch> result = [];
        foreach (var branch in branches)
        {
            var own = byKind.GetValueOrDefault(branch.Kind, []);
            if (own.Length > 0 && branch.Values is { } others)
            {
                Count(own.Length + others.Length, node);
                var known = others.ToHashSet(JsonValueComparer.Instance);
                own = [.. own.Where(known.Contains)];
            }

            if (own.Length > 0)
            {
                result.Add(branch with { Values = own });
            }
        }

        return result;
    }

    private IEnumerable<SchemaBranch> NotValues(JsonElement[] values, List<SchemaBranch> branches, SchemaNode node)
    {
        foreach (var branch in branches)
        {
            Count(values.Length, node);
            JsonElement[] own = [.. values.Where(value => KindOf(value) == branch.Kind)];
            if (own.Length == 0)
            {
                yield return branch;
            }
            else if (branch.Values is not null || branch.Kind == JsonKind.Boolean)
            {
                using var both = JsonDocument.Parse("[true,false]");
                JsonElement[] all = branch.Values ?? [.. both.RootElement.Clone().EnumerateArray()];
                Count(all.Length, node);
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
            else if (_isGenerous && branch.Kind != JsonKind.Null)
            {
                yield return branch;
            }
        }
    }

    private List<SchemaBranch> ApplyOneOf(SchemaNode[] parts, List<SchemaBranch> branches, SchemaNode node)
    {
        var ways = parts.Select(part => Apply(part, branches)).ToArray();
        if (_isGenerous)
        {
            return [.. ways.SelectMany(way => way)];
        }

        List<SchemaBranch> result = [];
        for (var i = 0; i < parts.Length; i++)
        {
            var only = ways[i];
            for (var j = 0; j < parts.Length && only.Count > 0; j++)
            {
                if (i != j && MayOverlap(parts[j], only, node))
                {
                    // what the other one takes as well is left out
                    only = ApplyNot(parts[j], only);
                }
            }

            result.AddRange(only);
        }

        return Refuse(result, branches, node, "oneOf");
    }

    /// <summary>Whether values of some ways may satisfy a schema as well. Ways that cannot be told count: without them both would be taken for parts that exclude each other.</summary>
    private bool MayOverlap(SchemaNode part, List<SchemaBranch> ways, SchemaNode node)
    {
        _isGenerous = true;
        var isAny = Prune(Apply(part, ways), node).Count > 0;
        _isGenerous = false;
        return isAny;
    }

    private List<SchemaBranch> ApplyDependencies(SchemaNode node, string keyword, JsonElement value, List<SchemaBranch> branches)
    {
        foreach (var dependency in Expect(node, keyword, value, JsonValueKind.Object).EnumerateObject())
        {
            var objects = branches.Where(branch => branch.Kind == JsonKind.Object).ToList();
            List<SchemaBranch> present = [.. objects.Select(branch => branch.WithRequired(dependency.Name))];
            if (dependency.Value.ValueKind == JsonValueKind.Array)
            {
                var names = Texts(node, keyword, dependency.Value);
                present = [.. present.Select(branch => branch.WithRequired(names))];
            }
            else
            {
                present = Apply(document.Child(node, dependency.Value, keyword, dependency.Name), present);
            }

            branches = Prune([.. branches.Where(branch => branch.Kind != JsonKind.Object), .. objects.Select(branch => Without(branch, dependency.Name)), .. present], node);
        }

        return branches;
    }

    /// <summary>Properties and items that nothing in the same schema has looked at: in a single way it is known which those are. What must fail, as in 'not', has looked at nothing.</summary>
    private List<SchemaBranch> ApplyUnevaluated(SchemaNode node, List<SchemaBranch> before, List<SchemaBranch> branches)
    {
        if (_isGenerous)
        {
            return branches; // a value may be of several ways, which have looked at more together
        }

        if (node.Element.TryGetProperty("unevaluatedProperties", out var properties))
        {
            var schema = document.Child(node, properties, "unevaluatedProperties");
            var old = before.SelectMany(branch => branch.Objects).ToHashSet(ReferenceEqualityComparer.Instance);
            branches =
            [
                .. branches.Select(branch =>
                {
                    ObjectGroup[] own = [.. branch.Objects.Where(group => group.Negations <= _negations && !old.Contains(group))];
                    if (branch.Kind != JsonKind.Object || own.Any(group => group.Additional is not null))
                    {
                        return branch;
                    }

                    Count(own.Sum(group => group.Properties.Count + group.Patterns.Count), node);
                    return branch with
                    {
                        Objects =
                        [
                            .. branch.Objects,
                            new ObjectGroup([.. own.SelectMany(group => group.Properties)], [.. own.SelectMany(group => group.Patterns)], schema) { Negations = _negations },
                        ],
                    };
                }),
            ];
        }

        if (node.Element.TryGetProperty("unevaluatedItems", out var items))
        {
            var schema = document.Child(node, items, "unevaluatedItems");
            var old = before.SelectMany(branch => branch.Arrays).ToHashSet(ReferenceEqualityComparer.Instance);
            branches =
            [
                .. branches.Select(branch =>
                {
                    ArrayGroup[] own = [.. branch.Arrays.Where(group => group.Negations <= _negations && !old.Contains(group))];
                    return branch.Kind != JsonKind.Array || own.Any(group => group.Items is not null)
                        ? branch
                        : branch with { Arrays = [.. branch.Arrays, new ArrayGroup(own.MaxBy(group => group.Prefix.Count)?.Prefix ?? [], schema) { Negations = _negations }] };
                }),
            ];
        }

        return branches;
    }

    private ObjectGroup Object(SchemaNode node)
    {
        List<KeyValuePair<string, SchemaNode>> properties = [];
        if (node.Element.TryGetProperty("properties", out var named))
        {
            Count(Expect(node, "properties", named, JsonValueKind.Object).GetPropertyCount(), node);
            foreach (var property in named.EnumerateObject())
            {
                properties.Add(new(property.Name, document.Child(node, property.Value, "properties", property.Name)));
            }
        }

        List<(string, Dfa, SchemaNode)> patterns = [];
        if (node.Element.TryGetProperty("patternProperties", out var matched))
        {
            Count(Expect(node, "patternProperties", matched, JsonValueKind.Object).GetPropertyCount(), node);
            foreach (var property in matched.EnumerateObject())
            {
                patterns.Add((property.Name, Pattern(node, property.Name), document.Child(node, property.Value, "patternProperties", property.Name)));
            }
        }

        return new ObjectGroup(properties, patterns, node.Element.TryGetProperty("additionalProperties", out var additional) ? document.Child(node, additional, "additionalProperties") : null) { Negations = _negations };
    }

    private ArrayGroup Array(SchemaNode node)
    {
        List<SchemaNode> prefix = [];
        var others = "items";
        if (node.Element.TryGetProperty("prefixItems", out var first) || (node.Element.TryGetProperty("items", out first) && first.ValueKind == JsonValueKind.Array))
        {
            var keyword = node.Element.TryGetProperty("prefixItems", out _) ? "prefixItems" : "items";
            others = keyword == "items" ? "additionalItems" : "items"; // as drafts before 2019-09 wrote it
            prefix.AddRange(Parts(node, keyword, first));
        }

        return new ArrayGroup(prefix, node.Element.TryGetProperty(others, out var items) ? document.Child(node, items, others) : null) { Negations = _negations };
    }

    private SchemaNode[] Parts(SchemaNode node, string keyword, JsonElement value)
    {
        var count = Expect(node, keyword, value, JsonValueKind.Array).GetArrayLength();
        Count(count, node);
        return count == 0 && keyword is not "prefixItems" and not "items"
            ? throw Wrong(node, keyword, "a list of at least one schema")
            : [.. value.EnumerateArray().Select((part, i) => document.Child(node, part, keyword, i.ToString(System.Globalization.CultureInfo.InvariantCulture)))];
    }

    private List<SchemaBranch> Refuse(List<SchemaBranch> branches, List<SchemaBranch> before, SchemaNode node, string keyword) =>
        branches.Count > 0 || before.Count == 0 || _isGenerous
            ? branches
            : throw new GrammarException($"'{keyword}' at {node.Path} leaves nothing that can be told for sure to satisfy it; write the schema without it (for oneOf: anyOf, or parts that exclude each other).");

    private List<SchemaBranch> Prune(List<SchemaBranch> branches, SchemaNode node)
    {
        branches = [.. branches.Where(branch => !branch.IsEmpty && !HasImpossibleProperty(branch, node))];
        return branches.Count <= MostBranches
            ? branches
            : throw new GrammarException($"The schema at {node.Path} can be satisfied in more than {MostBranches} ways; use fewer anyOf, oneOf, if or dependencies together.");
    }

    /// <summary>Whether a property must be there that no value can have: how parts with a distinguishing property exclude each other.</summary>
    private bool HasImpossibleProperty(SchemaBranch branch, SchemaNode node)
    {
        if (branch.Kind != JsonKind.Object || branch.Objects.Length < 1 || _depth > 60)
        {
            return false;
        }

        Count(branch.Required.Length, node);
        CountLookups(branch, branch.Required, node.Path);
        foreach (var name in branch.Required)
        {
            List<SchemaNode> schemas = [];
            foreach (var group in branch.Objects)
            {
                group.Collect(name, schemas);
            }

            if (schemas.Exists(schema => schema.IsFalse) || (schemas.Count > 1 && AreImpossible(schemas)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether it is known that no value satisfies all of the schemas.</summary>
    private bool AreImpossible(List<SchemaNode> schemas)
    {
        SchemaNode[] all = [.. schemas.DistinctBy(schema => schema.Id)];
        var key = KeyOf(all);
        if (_impossible.TryGetValue(key, out var known))
        {
            return known;
        }

        _impossible[key] = false; // until it is found out: values of such a schema may be within one another
        var (open, isGenerous) = (_open, _isGenerous);
        (_open, _isGenerous) = ([], true); // another value begins
        var isImpossible = Of(all).TrueForAll(way => way.Values is { } values && !System.Array.Exists(values, value => IsWithin(way, value)));
        (_open, _isGenerous) = (open, isGenerous);
        return _impossible[key] = isImpossible;
    }

    /// <summary>Whether a value is not against a way's own bounds; what lies deeper is not looked at.</summary>
    public static bool IsWithin(SchemaBranch branch, JsonElement value)
    {
        switch (branch.Kind)
        {
            case JsonKind.Number:
                var number = ExactNumber.Parse(value.GetRawText(), "enum");
                return (!branch.IsInteger || number.IsInteger)
                    && (branch.Low is not { } low || (branch.IsLowExcluded ? number > low : number >= low))
                    && (branch.High is not { } high || (branch.IsHighExcluded ? number < high : number <= high))
                    && System.Array.TrueForAll(branch.Steps, number.IsMultipleOf);
            case JsonKind.String:
                var text = value.GetString()!;
                var length = text.EnumerateRunes().Count();
                return length >= branch.Minimum && length <= (branch.Maximum ?? int.MaxValue) && (branch.Text?.Matches(text) ?? true);
            case JsonKind.Array:
                return value.GetArrayLength() >= branch.Minimum && value.GetArrayLength() <= (branch.Maximum ?? int.MaxValue);
            case JsonKind.Object:
                return value.GetPropertyCount() >= branch.Minimum && value.GetPropertyCount() <= (branch.Maximum ?? int.MaxValue) && System.Array.TrueForAll(branch.Required, name => value.TryGetProperty(name, out _));
            default:
                return true;
        }
    }

    public static JsonKind KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => JsonKind.Null,
        JsonValueKind.True or JsonValueKind.False => JsonKind.Boolean,
        JsonValueKind.Number => JsonKind.Number,
        JsonValueKind.String => JsonKind.String,
        JsonValueKind.Array => JsonKind.Array,
        _ => JsonKind.Object,
    };

    private Dfa Pattern(SchemaNode node, string pattern)
    {
        try
        {
            return _patterns.TryGetValue(pattern, out var known) ? known : _patterns[pattern] = Dfa.OfPattern(pattern);
        }
        catch (GrammarException exception)
        {
            throw new GrammarException($"The pattern at {node.Path} cannot be honoured: {exception.Message}");
        }
    }

    private static ExactNumber Number(SchemaNode node, string keyword, JsonElement value) =>
        ExactNumber.Parse(Expect(node, keyword, value, JsonValueKind.Number).GetRawText(), $"{node.Path}/{keyword}");

    private static int Count(SchemaNode node, string keyword, JsonElement value)
    {
        var number = Number(node, keyword, value);
        return number.IsInteger && number.Digits >= 0
            ? (int)System.Numerics.BigInteger.Min(number.Digits, GrammarLimits.Repetitions)
            : throw Wrong(node, keyword, "a whole number of 0 or more");
    }

    private string[] Texts(SchemaNode node, string keyword, JsonElement value)
    {
        Count(Expect(node, keyword, value, JsonValueKind.Array).GetArrayLength(), node);
        var texts = value.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? item.GetString() : null).ToArray();
        return System.Array.Exists(texts, text => text is null) ? throw Wrong(node, keyword, "a list of names") : [.. texts.Select(text => text!)];
    }

    private static JsonElement Expect(SchemaNode node, string keyword, JsonElement value, JsonValueKind kind) =>
        value.ValueKind == kind ? value : throw Wrong(node, keyword, $"a JSON {kind.ToString().ToLowerInvariant()}");

    private static GrammarException Wrong(SchemaNode node, string keyword, string expected) => new($"'{keyword}' at {node.Path} must be {expected}.");
}
