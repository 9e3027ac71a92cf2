using System.Collections.Immutable;
using System.Globalization;
using Abi.Database.Postgres.Tables;
using Abi.Database.Text;
using NpgsqlTypes;

namespace Abi.Database.Postgres.Queries;

/// <summary>Queries of words as conditions and scores of SQL: the same records as in memory, ranked by <c>ts_rank_cd</c>, which looks at how often and how near to each other words occur.</summary>
/// <param name="table">The table.</param>
/// <param name="fields">The fields that are searched.</param>
/// <param name="boosts">Boosts of fields in place of those of their definitions.</param>
/// <param name="parameters">Takes the words.</param>
internal sealed class TextQuerySql(CollectionTable table, IReadOnlyList<DataField> fields, ImmutableDictionary<string, double> boosts, StatementParameters parameters)
{
    private const int MaximumDepth = 64;
    private const int ByLength = 1; // the rank is divided by 1 + the logarithm of the text's length

    private int _parts;

    public (string Match, string Score) Of(TextQuery query) => Of(query, fields, 1, 0);

    private (string Match, string Score) Of(TextQuery query, IReadOnlyList<DataField> within, double weight, int depth)
    {
        if (++_parts > TextQuery.MaximumParts || depth > MaximumDepth)
        {
            throw new ArgumentException($"The query has more than {TextQuery.MaximumParts} parts, or is nested more than {MaximumDepth} deep.");
        }

        if (query.Field is { } name)
        {
            within = [.. within.Where(field => field.Name == name)];
            if (within.Count == 0)
            {
                throw new ArgumentException($"The query asks for words of the field '{name}', which is not among those searched in the collection '{table.Collection.Name}': {string.Join(", ", fields.Select(field => field.Name))}.");
            }
        }

        weight *= query.Weight;
        if (query.Kind is TextQueryKind.Words or TextQueryKind.Phrase or TextQueryKind.Prefix)
        {
            return Words(query, within, weight);
        }

        List<(string Match, string Score)> parts = [.. query.Parts.Select(part => Of(part, within, weight, depth + 1))];
        if (parts.Count == 0)
        {
            return ("false", "0");
        }

        var sum = $"({string.Join(" + ", parts.Select(part => part.Score))})";
        switch (query.Kind)
        {
            case TextQueryKind.Any:
                return ($"({string.Join(" OR ", parts.Select(part => part.Match))})", sum);
            case TextQueryKind.All:
                return When($"({string.Join(" AND ", parts.Select(part => part.Match))})", sum);
            case TextQueryKind.Except:
                return When($"({parts[0].Match} AND NOT {parts[1].Match})", parts[0].Score);
            default:
                return When(parts[0].Match, sum);
        }
    }

    private (string Match, string Score) Words(TextQuery query, IReadOnlyList<DataField> within, double weight)
    {
        List<(string Match, string Score)> found = [];
        Dictionary<Stemming, string?> written = [];
        foreach (var field in within)
        {
            if (!written.TryGetValue(field.Stemming, out var words))
            {
                words = query.Kind == TextQueryKind.Words ? WordVector.AnyOf(query.Text, field.Stemming) : WordVector.Phrase(query.Text, query.Kind == TextQueryKind.Prefix, field.Stemming);
                written[field.Stemming] = words = words is null ? null : $"{parameters.Add(words, NpgsqlDbType.Text)}::tsquery";
            }

            if (words is not null)
            {
                var column = table.Words[table.Collection.DataIndex(field.Name)]!;
                var boost = parameters.Add(weight * boosts.GetValueOrDefault(field.Name, field.Boost), NpgsqlDbType.Double);
                found.Add(When($"{column} @@ {words}", string.Create(CultureInfo.InvariantCulture, $"{boost} * ts_rank_cd({column}, {words}, {ByLength})")));
            }
        }

        return found.Count == 0 ? ("false", "0") : ($"({string.Join(" OR ", found.Select(part => part.Match))})", $"({string.Join(" + ", found.Select(part => part.Score))})");
    }

    // A part that does not match counts nothing, whatever of it is there.
    private static (string Match, string Score) When(string match, string score) => (match, $"CASE WHEN {match} THEN {score} ELSE 0 END");
}
