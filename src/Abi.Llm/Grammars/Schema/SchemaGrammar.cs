using System.Text.Json;
using Abi.Llm.Grammars.Regular;

namespace Abi.Llm.Grammars.Schema;

/// <summary>Makes the rules of a JSON schema: one rule for each set of schemas that must hold of the same value.</summary>
internal sealed partial class SchemaGrammar
{
    private readonly GrammarRules _rules = new();
    private readonly Dictionary<string, int> _known = new(StringComparer.Ordinal);
    private readonly Queue<(int Rule, SchemaNode[] Schemas)> _pending = [];
    private readonly JsonSchemaOptions _options;
    private readonly SchemaBranches _branches;
    private readonly SchemaDocument _document;
    private readonly GrammarNode _space;

    private SchemaGrammar(SchemaDocument document, JsonSchemaOptions options)
    {
        _options = options;
        _document = document;
        _branches = new SchemaBranches(document);
        _space = options.IsCompact
            ? GrammarNode.Empty
            : GrammarNode.Optional(GrammarNode.Any(
                GrammarNode.Text(" "),
                GrammarNode.Join(new GrammarNode.Repeat(GrammarNode.Text("\n"), 1, 2), new GrammarNode.Repeat(new GrammarNode.Class(CodePointSet.OfCharacters(" \t")), 0, 20))));
    }

    public static GrammarRules Make(JsonElement schema, JsonSchemaOptions options)
    {
        if (options.MaximumDigits is < 1 or > 100)
        {
            throw new ArgumentException($"{nameof(JsonSchemaOptions.MaximumDigits)} is {options.MaximumDigits}; it must be 1 to 100.", nameof(options));
        }

        using var work = AutomatonWork.Begin();
        try
        {
            var document = new SchemaDocument(schema);
            var grammar = new SchemaGrammar(document, options);
            grammar._rules.Root = grammar.RuleOf([document.Root]);
            while (grammar._pending.TryDequeue(out var next))
            {
                grammar._rules[next.Rule] = grammar.Value(next.Schemas);
            }

            return grammar._rules;
        }
        catch (InvalidOperationException exception)
        {
            // what reading JSON throws for a value of another kind, and for half a surrogate pair
            throw new GrammarException($"The schema holds a value of another kind than its keyword has, or half a surrogate pair: {exception.Message}");
        }
    }

    /// <summary>The value that all schemas hold of, as a use of its rule.</summary>
    private GrammarNode.Reference ValueOf(IEnumerable<SchemaNode> schemas) => new(RuleOf(schemas));

    private int RuleOf(IEnumerable<SchemaNode> schemas)
    {
        SchemaNode[] all = [.. schemas.Where(schema => !schema.IsTrue).DistinctBy(schema => schema.Id)];
        var key = _branches.KeyOf(all);
        if (!_known.TryGetValue(key, out var rule))
        {
            rule = _rules.Add(all.Length == 0 ? "any value" : all[0].Path);
            _known.Add(key, rule);
            _pending.Enqueue((rule, all));
        }

        return rule;
    }

    private GrammarNode.Choice Value(SchemaNode[] schemas)
    {
        var path = schemas.Length == 0 ? "#" : schemas[0].Path;
        return new GrammarNode.Choice([.. _branches.Of(schemas).Select(branch => Branch(branch, path))]);
    }

    private GrammarNode Branch(SchemaBranch branch, string path)
    {
        if (branch.Values is { } values)
        {
            return new GrammarNode.Choice([.. values.Where(value => Allows(branch, value, 0)).Select(Literal)]);
        }

        return branch.Kind switch
        {
            JsonKind.Null => GrammarNode.Text("null"),
            JsonKind.Boolean => GrammarNode.Any(GrammarNode.Text("true"), GrammarNode.Text("false")),
            JsonKind.Number => NumberText.Of(branch, _options.MaximumDigits, path),
            JsonKind.String => Quoted(branch),
            JsonKind.Array => Array(branch, path),
            _ => Object(branch, path),
        };
    }

    private static GrammarNode Quoted(SchemaBranch branch)
    {
        GrammarNode inside;
        if (branch.Text is null)
        {
            inside = new GrammarNode.Repeat(JsonText.Character(CodePointSet.All), branch.Minimum, branch.Maximum);
        }
        else
        {
            var text = branch.Minimum > 0 || branch.Maximum is not null ? branch.Text.Intersect(Dfa.OfLength(branch.Minimum, branch.Maximum)) : branch.Text;
            inside = new GrammarNode.Expression(text, isJson: true);
        }

        return GrammarNode.Join(GrammarNode.Text("\""), inside, GrammarNode.Text("\""));
    }

    /// <summary>Whether a given value satisfies a way altogether.</summary>
    private bool Allows(SchemaBranch branch, JsonElement value, int depth)
    {
        if (depth > GrammarLimits.Nesting || !SchemaBranches.IsWithin(branch, value))
        {
            return false;
        }

        if (branch.Kind == JsonKind.Array)
        {
            var items = value.EnumerateArray().ToArray();
            return items.Select((item, i) => Satisfies(item, ItemSchemas(branch, i), depth + 1)).All(result => result)
                && System.Array.TrueForAll(branch.Contains, rule => items.Count(item => Satisfies(item, [rule.Schema], depth + 1)) is var count && count >= rule.Minimum && count <= (rule.Maximum ?? int.MaxValue))
                && (!branch.IsUnique || items.Distinct(JsonValueComparer.Instance).Count() == items.Length);
        }

        return branch.Kind != JsonKind.Object
            || value.EnumerateObject().All(property => Satisfies(property.Value, PropertySchemas(branch, property.Name), depth + 1) && IsName(branch, property.Name));
    }

    private bool Satisfies(JsonElement value, IEnumerable<SchemaNode> schemas, int depth) =>
        _branches.Of(schemas).Exists(branch => branch.Kind == SchemaBranches.KindOf(value)
            && (branch.Values is null || branch.Values.Any(other => JsonElement.DeepEquals(other, value))) && Allows(branch, value, depth));

    /// <summary>A given value's text, white space allowed where it is elsewhere.</summary>
    private GrammarNode Literal(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                return GrammarNode.Text(JsonText.Quote(value.GetString()!));
            case JsonValueKind.Array:
                return Bracket("[", [.. value.EnumerateArray().Select(Literal)], "]");
            case JsonValueKind.Object:
                return Bracket("{", [.. value.EnumerateObject().Select(member => GrammarNode.Join(GrammarNode.Text(JsonText.Quote(member.Name) + ":"), _space, Literal(member.Value)))], "}");
            default:
                return GrammarNode.Text(value.GetRawText());
        }

        GrammarNode Bracket(string open, GrammarNode[] parts, string close)
        {
            List<GrammarNode> all = [GrammarNode.Text(open), _space];
            for (var i = 0; i < parts.Length; i++)
            {
                all.AddRange(i > 0 ? [GrammarNode.Text(","), _space, parts[i]] : [parts[i]]);
            }

            return new GrammarNode.Sequence([.. all, .. parts.Length > 0 ? [_space] : System.Array.Empty<GrammarNode>(), GrammarNode.Text(close)]);
        }
    }
}
