using System.Collections.Immutable;
using Abi.Database.Text;

namespace Abi.Database;

/// <summary>
/// What words to search for. A text by itself means any of its words. A phrase or a prefix counts as one word that occurs wherever it matches: BM25 takes its frequency in a record and the number of
/// records that have it.
/// </summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class TextQuery
{
    private TextQuery(TextQueryKind kind, string text, ImmutableArray<TextQuery> parts, string? field = null, double weight = 1) => (Kind, Text, Parts, Field, Weight) = (kind, text, parts, field, weight);

    /// <summary>The most parts of a query, those of its parts included.</summary>
    public const int MaximumParts = 1024;

    /// <summary>What it asks for.</summary>
    public TextQueryKind Kind { get; }

    /// <summary>Its text; empty for those that join others.</summary>
    public string Text { get; }

    /// <summary>The queries that it joins.</summary>
    public ImmutableArray<TextQuery> Parts { get; }

    /// <summary>The one field that it looks into; null for all.</summary>
    public string? Field { get; }

    /// <summary>How many times as high its scores are.</summary>
    public double Weight { get; }

    /// <summary>Records that have any of the words of a text; the more and rarer, the better.</summary>
    public static TextQuery Words(string text) => Leaf(TextQueryKind.Words, text);

    /// <summary>Records that have the words of a text, in one field, one right behind another.</summary>
    public static TextQuery Phrase(string text) => Leaf(TextQueryKind.Phrase, text);

    /// <summary>Records that have a word that begins so; before the last word of the text there may be others, which then stand right before it.</summary>
    /// <remarks>In a field with stemming, stems are compared: "runn" finds what "running" became only because it has the same stem.</remarks>
    public static TextQuery Prefix(string text) => Leaf(TextQueryKind.Prefix, text);

    /// <summary>Records that one of the queries finds at least. Scores are added.</summary>
    public static TextQuery Any(params IEnumerable<TextQuery> queries) => new(TextQueryKind.Any, "", Checked(queries));

    /// <summary>Records that all of the queries find. Scores are added.</summary>
    public static TextQuery All(params IEnumerable<TextQuery> queries) => new(TextQueryKind.All, "", Checked(queries));

    /// <summary>Records that have all the words of a text.</summary>
    public static TextQuery AllWords(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return All(Tokenizer.Words(text).Distinct(StringComparer.Ordinal).Select(Words));
    }

    /// <summary>
    /// Reads what people type: <c>cat "little dog" pup*</c> finds any of them, <c>+cat</c> must be there, <c>-wolf</c> must not, <c>title:cat</c> looks into one field (whose name begins with no digit), <c>cat^2</c> counts twice.
    /// A quote that nothing closes reaches to the end; any text can be read.
    /// </summary>
    public static TextQuery Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return TextQueryParser.Parse(text);
    }

    /// <summary>Any of the words of a text; what the conversion does.</summary>
    public static TextQuery FromString(string text) => Words(text);

    /// <summary>Any of the words of a text.</summary>
    public static implicit operator TextQuery(string text) => Words(text);

    /// <summary>What this query finds, without what another does.</summary>
    public TextQuery Except(TextQuery excluded)
    {
        ArgumentNullException.ThrowIfNull(excluded);
        return new TextQuery(TextQueryKind.Except, "", [this, excluded]);
    }

    /// <summary>What this query finds, with the scores of another added where that finds the same records.</summary>
    public TextQuery Preferring(TextQuery preferred)
    {
        ArgumentNullException.ThrowIfNull(preferred);
        return new TextQuery(TextQueryKind.Preferring, "", [this, preferred]);
    }

    /// <summary>The same query in one field only.</summary>
    public TextQuery In(string field)
    {
        ArgumentException.ThrowIfNullOrEmpty(field);
        return new TextQuery(Kind, Text, Parts, field, Weight);
    }

    /// <summary>The same query with scores so many times as high.</summary>
    /// <param name="factor">Greater than 0.</param>
    public TextQuery Boost(double factor) => factor > 0 && double.IsFinite(factor)
        ? new TextQuery(Kind, Text, Parts, Field, Weight * factor)
        : throw new ArgumentOutOfRangeException(nameof(factor), factor, "A boost is greater than 0.");

    /// <summary>The query as <see cref="Parse"/> would read it, as far as it can.</summary>
    public override string ToString()
    {
        var text = Kind switch
        {
            TextQueryKind.Words => Text,
            TextQueryKind.Phrase => $"\"{Text}\"",
            TextQueryKind.Prefix => $"{Text}*",
            TextQueryKind.Any => $"({string.Join(' ', Parts)})",
            TextQueryKind.All => $"({string.Join(' ', Parts.Select(part => $"+{part}"))})",
            TextQueryKind.Except => $"({Parts[0]} -{Parts[1]})",
            _ => $"(+{Parts[0]} {Parts[1]})",
        };
        return $"{(Field is null ? "" : $"{Field}:")}{text}{(Weight == 1 ? "" : FormattableString.Invariant($"^{Weight}"))}";
    }

    private static TextQuery Leaf(TextQueryKind kind, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new TextQuery(kind, text, []);
    }

    private static ImmutableArray<TextQuery> Checked(IEnumerable<TextQuery> queries)
    {
        ArgumentNullException.ThrowIfNull(queries);
        ImmutableArray<TextQuery> all = [.. queries];
        return all.Contains(null!) ? throw new ArgumentException("A query is null.", nameof(queries)) : all;
    }
}
