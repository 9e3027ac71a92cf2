using System.Globalization;
using System.Text;
using Abi.Database.Text;

namespace Abi.Database.Postgres.Queries;

/// <summary>
/// Words as PostgreSQL's <c>tsvector</c> and <c>tsquery</c>. They are cut and reduced to stems here, as in every store of Abi, so that the same words find the same records whatever the server's dictionaries
/// are.
/// </summary>
internal static class WordVector
{
    private const int LastPosition = 16_383;
    private const int PositionsOfAWord = 255;

    /// <summary>The words of a text with their places, as a <c>tsvector</c> is written.</summary>
    public static string OfText(string? text, Stemming stemming)
    {
        if (text is null)
        {
            return "";
        }

        Dictionary<string, List<int>> places = new(StringComparer.Ordinal);
        var position = 0;
        foreach (var word in Tokenizer.Cut(text, stemming))
        {
            position = Math.Min(position + 1, LastPosition);
            if (!places.TryGetValue(word.Term, out var list))
            {
                places[word.Term] = list = [];
            }

            if (list.Count < PositionsOfAWord && (list.Count == 0 || list[^1] != position))
            {
                list.Add(position);
            }
        }

        var vector = new StringBuilder();
        foreach (var (word, list) in places)
        {
            vector.Append(vector.Length == 0 ? "" : " ").Append(Quote(word)).Append(':').AppendJoin(',', list);
        }

        return vector.ToString();
    }

    /// <summary>Any of the words of a text, as a <c>tsquery</c> is written; null when it has none.</summary>
    public static string? AnyOf(string text, Stemming stemming) =>
        Join(Tokenizer.Cut(text, stemming).Select(word => word.Term).Distinct(StringComparer.Ordinal).Select(Quote), " | ");

    /// <summary>The words of a text one behind another, as a <c>tsquery</c> is written; null when it has none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isPrefix">Whether the last word is only a beginning.</param>
    /// <param name="stemming">The field's.</param>
    public static string? Phrase(string text, bool isPrefix, Stemming stemming)
    {
        var words = Tokenizer.Cut(text, stemming).ConvertAll(word => Quote(word.Term));
        if (isPrefix && words.Count > 0)
        {
            // What begins so, or has the stem.
            words[^1] = $"({words[^1]} | {Quote(Tokenizer.Cut(text, Stemming.None)[^1].Term)}:*)";
        }

        return Join(words, " <-> ");
    }

    private static string? Join(IEnumerable<string> parts, string @operator) => string.Join(@operator, parts) is { Length: > 0 } query ? query : null;

    private static string Quote(string word) =>
        string.Create(CultureInfo.InvariantCulture, $"'{word.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "''", StringComparison.Ordinal)}'");
}
