using Abi.Database.Indexes;

namespace Abi.Database.Text;

/// <summary>Searches the text fields of a collection for what a query asks, as one reader sees them.</summary>
/// <param name="collection">The collection's name, for messages.</param>
/// <param name="fields">The fields to search.</param>
/// <param name="scoring">The constants.</param>
/// <param name="visible">What the reader sees and its filter lets through.</param>
/// <param name="slots">The slots of the reader's view.</param>
internal sealed class TextSearcher(string collection, IReadOnlyList<TextIndex> fields, TextScoring scoring, VisibleSlots visible, int slots)
{
    private int _parts;

    /// <summary>The best records, best first; equal scores by the lower slot.</summary>
    public List<(int Slot, double Score)> Search(TextQuery query, int count)
    {
        using var scores = new TextScores(slots);
        Score(query, fields, 1, scores);
        return scores.Best(count);
    }

    private void Score(TextQuery query, IReadOnlyList<TextIndex> within, double weight, TextScores scores)
    {
        // Each costs a table of scores.
        if (++_parts > TextQuery.MaximumParts)
        {
            throw new ArgumentException($"The query has more than {TextQuery.MaximumParts} parts.");
        }

        if (query.Field is { } name)
        {
            within = [.. within.Where(field => field.Field.Name == name)];
            if (within.Count == 0)
            {
                throw new ArgumentException($"The query asks for words of the field '{name}', which is not among those searched in the collection '{collection}': {string.Join(", ", fields.Select(field => field.Field.Name))}.");
            }
        }

        weight *= query.Weight;
        switch (query.Kind)
        {
            case TextQueryKind.Words:
            case TextQueryKind.Phrase:
            case TextQueryKind.Prefix:
                foreach (var field in within)
                {
                    var boost = weight * scoring.Boosts.GetValueOrDefault(field.Field.Name, field.Field.Boost);
                    if (query.Kind == TextQueryKind.Words)
                    {
                        field.ScoreWords(query.Text, boost, scoring, visible, slots, scores);
                    }
                    else
                    {
                        field.ScorePhrase(query.Text, query.Kind == TextQueryKind.Prefix, boost, scoring, visible, slots, scores);
                    }
                }

                break;
            case TextQueryKind.Any:
                foreach (var part in query.Parts)
                {
                    Score(part, within, weight, scores);
                }

                break;
            default:
                Combine(query, within, weight, scores);
                break;
        }
    }

    private void Combine(TextQuery query, IReadOnlyList<TextIndex> within, double weight, TextScores scores)
    {
        if (query.Parts.IsEmpty)
        {
            return;
        }

        using var first = new TextScores(slots);
        Score(query.Parts[0], within, weight, first);
        foreach (var part in query.Parts.Skip(1))
        {
            using var other = new TextScores(slots);
            Score(part, within, weight, other);
            foreach (var slot in first.Found.Where(slot => first[slot] > 0))
            {
                if (query.Kind == TextQueryKind.Except ? other[slot] > 0 : query.Kind == TextQueryKind.All && other[slot] == 0)
                {
                    first.Remove(slot);
                }
                else if (other[slot] > 0)
                {
                    first.Add(slot, other[slot]);
                }
            }
        }

        foreach (var slot in first.Found.Where(slot => first[slot] > 0))
        {
            scores.Add(slot, first[slot]);
        }
    }
}
