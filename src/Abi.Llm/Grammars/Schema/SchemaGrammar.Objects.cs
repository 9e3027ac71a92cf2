using System.Text.Json;
using Abi.Llm.Grammars.Regular;

namespace Abi.Llm.Grammars.Schema;

/// <summary>Objects.</summary>
internal sealed partial class SchemaGrammar
{
    private const int MostPatterns = 4;
    private const int LongestKey = 200;

    private static List<SchemaNode> PropertySchemas(SchemaBranch branch, string name)
    {
        List<SchemaNode> schemas = [];
        foreach (var group in branch.Objects)
        {
            group.Collect(name, schemas);
        }

        return schemas;
    }

    private GrammarNode Object(SchemaBranch branch, string path)
    {
        List<string> names = [.. branch.Objects.SelectMany(group => group.Properties).Select(property => property.Key).Concat(branch.Required).Distinct(StringComparer.Ordinal)];
        HashSet<string> required = new(branch.Required, StringComparer.Ordinal);
        _branches.CountLookups(branch, names, path);
        List<(GrammarNode Member, bool IsRequired)> members = [];
        foreach (var name in names)
        {
            var schemas = PropertySchemas(branch, name);
            var isRequired = required.Contains(name);
            if (!IsName(branch, name) || schemas.Exists(schema => schema.IsFalse))
            {
                if (isRequired)
                {
                    return GrammarNode.Nothing;
                }

                continue;
            }

            members.Add((Member(GrammarNode.Text(JsonText.Quote(name)), schemas), isRequired));
        }

        var isCounted = branch.Minimum > 0 || branch.Maximum is not null;
        var cap = isCounted ? Math.Max(branch.Minimum, branch.Maximum ?? 0) + (branch.Maximum is null ? 1 : 0) : 1;
        if (cap > LargestCounted)
        {
            if (branch.Minimum <= LargestCounted - 1 && branch.Maximum > LargestCounted)
            {
                // so many are never written: fewer are allowed, too
                return Object(branch with { Maximum = LargestCounted }, path);
            }

            throw new GrammarException($"'minProperties' at {path} cannot be honoured above {LargestCounted - 1}.");
        }

        cap = Math.Max(cap, 1);
        var extras = Extras(branch, names, Math.Max(0, branch.Minimum - members.Count) > 0, path);
        var needed = Math.Max(0, branch.Minimum - members.Count(member => member.IsRequired));
        var distinct = needed > 0 && extras.Count > 0 ? Distinct(extras, needed) : [];
        var made = new Dictionary<(int, int, int), int>();
        var pending = new Queue<(int Rule, int Place, int Count, int Others)>(); // no recursion: properties may be many thousands
        var first = From(0, 0, 0);
        while (pending.TryDequeue(out var next))
        {
            _rules[next.Rule] = new GrammarNode.Choice([.. Options(next.Place, next.Count, next.Others)]);
        }

        return GrammarNode.Join(GrammarNode.Text("{"), _space, new GrammarNode.Reference(first), GrammarNode.Text("}"));

        // a place among the known properties, how many were written (as far as it matters), how many of them were others
        int From(int place, int count, int others)
        {
            if (!made.TryGetValue((place, count, others), out var index))
            {
                index = _rules.Add($"{path}/properties");
                made.Add((place, count, others), index);
                pending.Enqueue((index, place, count, others));
            }

            return index;
        }

        List<GrammarNode> Options(int place, int count, int others)
        {
            List<GrammarNode> options = [];
            var comma = count == 0 ? GrammarNode.Empty : GrammarNode.Join(GrammarNode.Text(","), _space);
            var mayFollow = branch.Maximum is null || count < branch.Maximum;
            var next = Math.Min(count + 1, cap);
            if (place < members.Count)
            {
                if (mayFollow)
                {
                    options.Add(GrammarNode.Join(comma, members[place].Member, new GrammarNode.Reference(From(place + 1, next, 0))));
                }

                if (!members[place].IsRequired)
                {
                    options.Add(new GrammarNode.Reference(From(place + 1, count, 0)));
                }
            }
            else
            {
                if (count >= branch.Minimum)
                {
                    options.Add(count == 0 ? GrammarNode.Empty : _space);
                }

                if (mayFollow && extras.Count > 0 && count < branch.Minimum && others < distinct.Count)
                {
                    // keys of different lengths are different keys, so the properties that are needed cannot fall together
                    options.Add(GrammarNode.Join(comma, distinct[others], new GrammarNode.Reference(From(place, next, others + 1))));
                }
                else if (mayFollow && extras.Count > 0 && count >= branch.Minimum)
                {
                    options.Add(GrammarNode.Join(comma, new GrammarNode.Choice([.. extras.Select(extra => Member(Key(extra.Keys), extra.Schemas))]), new GrammarNode.Reference(From(place, next, others))));
                }
            }

            return options;
        }
    }

    private GrammarNode Member(GrammarNode key, IEnumerable<SchemaNode> schemas) => GrammarNode.Join(key, GrammarNode.Text(":"), _space, ValueOf(schemas));

    private static GrammarNode Key(Dfa keys) => GrammarNode.Join(GrammarNode.Text("\""), new GrammarNode.Expression(keys, isJson: true), GrammarNode.Text("\""));

    private bool IsName(SchemaBranch branch, string name)
    {
        using var key = JsonDocument.Parse(JsonText.Quote(name));
        return branch.Names.Length == 0 || Satisfies(key.RootElement, branch.Names, 0);
    }

    /// <summary>The keys besides the known ones, in classes that the same schemas hold for.</summary>
    private List<(Dfa Keys, List<SchemaNode> Schemas)> Extras(SchemaBranch branch, List<string> names, bool areNeeded, string path)
    {
        var patterns = branch.Objects.SelectMany(group => group.Patterns).DistinctBy(pattern => pattern.Source, StringComparer.Ordinal).ToArray();
        if (patterns.Length > MostPatterns)
        {
            throw new GrammarException($"'patternProperties' at {path} has {patterns.Length} patterns for the same object; up to {MostPatterns} can be honoured.");
        }

        var isOpen = branch.Objects.All(group => group.Properties.Count == 0 && group.Patterns.Count == 0);
        List<(Dfa, List<SchemaNode>)> extras = [];
        Dfa? allowed = null;
        for (var chosen = 0; chosen < 1 << patterns.Length; chosen++)
        {
            List<SchemaNode> schemas = [];
            var isSaid = isOpen || chosen != 0 || areNeeded;
            foreach (var group in branch.Objects)
            {
                var own = group.Patterns.Where(pattern => (chosen >> System.Array.FindIndex(patterns, known => known.Source == pattern.Source) & 1) != 0).Select(pattern => pattern.Schema).ToArray();
                schemas.AddRange(own);
                if (own.Length == 0 && group.Additional is not null)
                {
                    // an object whose schema does not say is closed, so that a model does not ramble on
                    isSaid = true;
                    schemas.Add(group.Additional);
                }
            }

            if (!isSaid || schemas.Exists(schema => schema.IsFalse))
            {
                continue; // also without a look at the names: thousands of long ones are too much to tell others from
            }

            var keys = allowed ??= Others(branch, names);
            for (var i = 0; i < patterns.Length; i++)
            {
                keys = (chosen >> i & 1) != 0 ? keys.Intersect(patterns[i].Automaton) : keys.Except(patterns[i].Automaton);
            }

            if (!keys.IsEmpty)
            {
                extras.Add((keys, schemas));
            }
        }

        return extras;
    }

    /// <summary>The keys that are none of the names, and are allowed as names.</summary>
    private Dfa Others(SchemaBranch branch, List<string> names)
    {
        var others = names.Count == 0 ? Dfa.All : Dfa.OfTexts(names).Complement();
        if (branch.Names.Length == 0)
        {
            return others;
        }

        Dfa? named = null;
        foreach (var way in _branches.Of(branch.Names).Where(way => way.Kind == JsonKind.String))
        {
            var text = (way.Text ?? Dfa.All).Intersect(Dfa.OfLength(way.Minimum, way.Maximum));
            text = way.Values is { } values ? text.Intersect(Dfa.OfTexts(values.Select(value => value.GetString()!))) : text;
            named = named?.Union(text) ?? text;
        }

        return named is null ? others.Except(others) : others.Intersect(named);
    }

    /// <summary>So many members whose keys have lengths that differ.</summary>
    private List<GrammarNode> Distinct(List<(Dfa Keys, List<SchemaNode> Schemas)> extras, int count)
    {
        List<GrammarNode> members = [];
        for (var length = 1; length <= LongestKey && members.Count < count; length++)
        {
            var options = extras.Select(extra => (Keys: extra.Keys.Intersect(Dfa.OfLength(length, length)), extra.Schemas)).Where(extra => !extra.Keys.IsEmpty).ToArray();
            if (options.Length > 0)
            {
                members.Add(new GrammarNode.Choice([.. options.Select(option => Member(Key(option.Keys), option.Schemas))]));
            }
        }

        return members;
    }
}
