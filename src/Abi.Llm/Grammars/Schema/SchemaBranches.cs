using System.Text.Json;
using Abi.Llm.Grammars.Regular;
using static Abi.Llm.Grammars.Schema.SchemaKeywords;

namespace Abi.Llm.Grammars.Schema;

/// <summary>
/// Turns schemas that must hold together into the ways to satisfy them. What cannot be turned exactly is turned into fewer ways, never into more: every value of a way
/// satisfies the schemas.
/// </summary>
internal sealed class SchemaBranches
{
    public const int MostBranches = 2000;

    private const long MostWork = 2_000_000;
    private const int LookupsOfAStep = 16; // that take about the time of a step of other work

    private readonly SchemaDocument _document;
    private readonly SchemaNegation _negation;
    private readonly Dictionary<string, Dfa> _patterns = new(StringComparer.Ordinal);
    private readonly Dictionary<string, bool> _impossible = new(StringComparer.Ordinal); // whether no value satisfies schemas together, by their numbers
    private HashSet<int> _open = [];
    private int _depth;
    private long _work;

    public SchemaBranches(SchemaDocument document)
    {
        _document = document;
        _negation = new SchemaNegation(document, this);
    }

    /// <summary>Whether there are rather more ways than fewer: where there are none then, there are none.</summary>
    public bool IsGenerous { get; private set; }

    /// <summary>How many schemas that must fail are around what is looked at.</summary>
    public int Negations { get; private set; }

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

    /// <summary>What is left of ways that must satisfy a schema, too.</summary>
    public List<SchemaBranch> Apply(SchemaNode node, List<SchemaBranch> branches)
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

        Enter(node);
        var before = branches;
        foreach (var member in node.Element.EnumerateObject())
        {
            var next = ApplyKeyword(node, member.Name, member.Value, branches);
            branches = ReferenceEquals(next, branches) ? branches : Prune(next, node);
        }

        branches = ApplyUnevaluated(node, before, branches);
        Leave();
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
                return On(JsonKind.String, branch => branch.AtLeast(WholeNumber(node, keyword, value)));
            case "maxLength":
                return On(JsonKind.String, branch => branch.AtMost(WholeNumber(node, keyword, value)));
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
                return On(JsonKind.Array, branch => branch.AtLeast(WholeNumber(node, keyword, value)));
            case "maxItems":
                return On(JsonKind.Array, branch => branch.AtMost(WholeNumber(node, keyword, value)));
            case "uniqueItems":
                return value.ValueKind == JsonValueKind.True ? On(JsonKind.Array, branch => branch with { IsUnique = true }) : branches;
            case "prefixItems" or "items":
                return keyword == "items" && node.Element.TryGetProperty("prefixItems", out _) ? branches : On(JsonKind.Array, branch => branch with { Arrays = [.. branch.Arrays, Array(node)] });
            case "contains":
                var minimum = node.Element.TryGetProperty("minContains", out var min) ? WholeNumber(node, "minContains", min) : 1;
                var maximum = node.Element.TryGetProperty("maxContains", out var max) ? WholeNumber(node, "maxContains", max) : (int?)null;
                var contains = new ContainsRule(_document.Child(node, value, keyword), minimum, maximum);
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
                return On(JsonKind.Object, branch => branch.AtLeast(WholeNumber(node, keyword, value)));
            case "maxProperties":
                return On(JsonKind.Object, branch => branch.AtMost(WholeNumber(node, keyword, value)));
            case "propertyNames":
                var propertyNames = _document.Child(node, value, keyword);
                return On(JsonKind.Object, branch => branch with { Names = [.. branch.Names, propertyNames] });
            case "dependentRequired" or "dependentSchemas" or "dependencies":
                return ApplyDependencies(node, keyword, value, branches);
            case "$ref":
                return Apply(_document.Resolve(node, Expect(node, keyword, value, JsonValueKind.String).GetString()!), branches);
            case "allOf":
                return Parts(node, keyword, value).Aggregate(branches, (result, part) => Apply(part, result));
            case "anyOf":
                return [.. Parts(node, keyword, value).SelectMany(part => Apply(part, branches))];
            case "oneOf":
                return ApplyOneOf(Parts(node, keyword, value), branches, node);
            case "not":
                var negated = _document.Child(node, value, keyword);
                return Refuse(_negation.Apply(negated, branches), branches, node, keyword);
            case "if":
                var condition = _document.Child(node, value, keyword);
                var yes = Apply(condition, branches);
                var no = _negation.Apply(condition, branches);
                yes = node.Element.TryGetProperty("then", out var then) ? Apply(_document.Child(node, then, "then"), yes) : yes;
                no = node.Element.TryGetProperty("else", out var otherwise) ? Apply(_document.Child(node, otherwise, "else"), no) : no;
                return [.. yes, .. no];
            case "$dynamicRef" or "$recursiveRef":
                throw new GrammarException($"'{keyword}' at {node.Path} cannot be honoured; use '$ref'.");
            default:
                // names that the specification does not know are notes, as it says
                return branches;
        }
    }

    /// <summary>Goes into a schema, perhaps one that must fail.</summary>
    public void Enter(SchemaNode node, bool isNegation = false)
    {
        if (++_depth > GrammarLimits.Nesting)
        {
            throw new GrammarException($"Schemas refer to one another more than {GrammarLimits.Nesting} deep at {node.Path}.");
        }

        Negations += isNegation ? 1 : 0;
    }

    /// <summary>Comes out of it again.</summary>
    public void Leave(bool isNegation = false)
    {
        _depth--;
        Negations -= isNegation ? 1 : 0;
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

    /// <inheritdoc cref="Count(long, string)"/>
    public void Count(long work, SchemaNode node) => Count(work, node.Path);

    /// <summary>The way without a property.</summary>
    public static SchemaBranch Without(SchemaBranch branch, string name) =>
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

    private List<SchemaBranch> ApplyOneOf(SchemaNode[] parts, List<SchemaBranch> branches, SchemaNode node)
    {
        var ways = parts.Select(part => Apply(part, branches)).ToArray();
        if (IsGenerous)
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
                    only = _negation.Apply(parts[j], only);
                }
            }

            result.AddRange(only);
        }

        return Refuse(result, branches, node, "oneOf");
    }

    /// <summary>Whether values of some ways may satisfy a schema as well. Ways that cannot be told count: without them both would be taken for parts that exclude each other.</summary>
    private bool MayOverlap(SchemaNode part, List<SchemaBranch> ways, SchemaNode node)
    {
        IsGenerous = true;
        var isAny = Prune(Apply(part, ways), node).Count > 0;
        IsGenerous = false;
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
                present = Apply(_document.Child(node, dependency.Value, keyword, dependency.Name), present);
            }

            branches = Prune([.. branches.Where(branch => branch.Kind != JsonKind.Object), .. objects.Select(branch => Without(branch, dependency.Name)), .. present], node);
        }

        return branches;
    }

    /// <summary>Properties and items that nothing in the same schema has looked at: in a single way it is known which those are. What must fail, as in 'not', has looked at nothing.</summary>
    private List<SchemaBranch> ApplyUnevaluated(SchemaNode node, List<SchemaBranch> before, List<SchemaBranch> branches)
    {
        if (IsGenerous)
        {
            return branches; // a value may be of several ways, which have looked at more together
        }

        if (node.Element.TryGetProperty("unevaluatedProperties", out var properties))
        {
            var schema = _document.Child(node, properties, "unevaluatedProperties");
            var old = before.SelectMany(branch => branch.Objects).ToHashSet(ReferenceEqualityComparer.Instance);
            branches =
            [
                .. branches.Select(branch =>
                {
                    ObjectGroup[] own = [.. branch.Objects.Where(group => group.Negations <= Negations && !old.Contains(group))];
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
                            new ObjectGroup([.. own.SelectMany(group => group.Properties)], [.. own.SelectMany(group => group.Patterns)], schema) { Negations = Negations },
                        ],
                    };
                }),
            ];
        }

        if (node.Element.TryGetProperty("unevaluatedItems", out var items))
        {
            var schema = _document.Child(node, items, "unevaluatedItems");
            var old = before.SelectMany(branch => branch.Arrays).ToHashSet(ReferenceEqualityComparer.Instance);
            branches =
            [
                .. branches.Select(branch =>
                {
                    ArrayGroup[] own = [.. branch.Arrays.Where(group => group.Negations <= Negations && !old.Contains(group))];
                    return branch.Kind != JsonKind.Array || own.Any(group => group.Items is not null)
                        ? branch
                        : branch with { Arrays = [.. branch.Arrays, new ArrayGroup(own.MaxBy(group => group.Prefix.Count)?.Prefix ?? [], schema) { Negations = Negations }] };
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
                properties.Add(new(property.Name, _document.Child(node, property.Value, "properties", property.Name)));
            }
        }

        List<(string, Dfa, SchemaNode)> patterns = [];
        if (node.Element.TryGetProperty("patternProperties", out var matched))
        {
            Count(Expect(node, "patternProperties", matched, JsonValueKind.Object).GetPropertyCount(), node);
            foreach (var property in matched.EnumerateObject())
            {
                patterns.Add((property.Name, Pattern(node, property.Name), _document.Child(node, property.Value, "patternProperties", property.Name)));
            }
        }

        return new ObjectGroup(properties, patterns, node.Element.TryGetProperty("additionalProperties", out var additional) ? _document.Child(node, additional, "additionalProperties") : null) { Negations = Negations };
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

        return new ArrayGroup(prefix, node.Element.TryGetProperty(others, out var items) ? _document.Child(node, items, others) : null) { Negations = Negations };
    }

    /// <summary>The schemas that a keyword lists.</summary>
    public SchemaNode[] Parts(SchemaNode node, string keyword, JsonElement value)
    {
        var count = Expect(node, keyword, value, JsonValueKind.Array).GetArrayLength();
        Count(count, node);
        return count == 0 && keyword is not "prefixItems" and not "items"
            ? throw Wrong(node, keyword, "a list of at least one schema")
            : [.. value.EnumerateArray().Select((part, i) => _document.Child(node, part, keyword, i.ToString(System.Globalization.CultureInfo.InvariantCulture)))];
    }

    private List<SchemaBranch> Refuse(List<SchemaBranch> branches, List<SchemaBranch> before, SchemaNode node, string keyword) =>
        branches.Count > 0 || before.Count == 0 || IsGenerous
            ? branches
            : throw new GrammarException($"'{keyword}' at {node.Path} leaves nothing that can be told for sure to satisfy it; write the schema without it (for oneOf: anyOf, or parts that exclude each other).");

    /// <summary>Those ways that a value may be of; too many are refused.</summary>
    public List<SchemaBranch> Prune(List<SchemaBranch> branches, SchemaNode node)
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
        var (open, isGenerous) = (_open, IsGenerous);
        (_open, IsGenerous) = ([], true); // another value begins
        var isImpossible = Of(all).TrueForAll(way => way.Values is { } values && !System.Array.Exists(values, value => IsWithin(way, value)));
        (_open, IsGenerous) = (open, isGenerous);
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

    /// <summary>The automaton of a pattern.</summary>
    public Dfa Pattern(SchemaNode node, string pattern)
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

    /// <summary>The names that a keyword lists.</summary>
    public string[] Texts(SchemaNode node, string keyword, JsonElement value)
    {
        Count(Expect(node, keyword, value, JsonValueKind.Array).GetArrayLength(), node);
        var texts = value.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? item.GetString() : null).ToArray();
        return System.Array.Exists(texts, text => text is null) ? throw Wrong(node, keyword, "a list of names") : [.. texts.Select(text => text!)];
    }
}
