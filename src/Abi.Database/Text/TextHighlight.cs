using System.Collections.Immutable;
using System.Text;
using Abi.Database.Text;

namespace Abi.Database;

/// <summary>A part of a text that shows why it was found.</summary>
/// <param name="Field">The text field.</param>
/// <param name="Snippet">The part, as it stands in the text.</param>
/// <param name="Start">Where it begins in the text, in UTF-16 code units.</param>
/// <param name="Ranges">What of it was searched for, in order, without overlap; counted from the beginning of the snippet.</param>
public sealed record TextHighlight(string Field, string Snippet, int Start, ImmutableArray<TextRange> Ranges)
{
    /// <summary>The parts of a text that show what a query finds in it, in order; none when nothing of it is there.</summary>
    /// <param name="field">The field that has the text.</param>
    /// <param name="text">The text.</param>
    /// <param name="query">The query.</param>
    /// <param name="options">How many parts, and how long.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static ImmutableArray<TextHighlight> Find(DataField field, string text, TextQuery query, HighlightOptions options)
    {
        ArgumentNullException.ThrowIfNull(field);
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return [.. Highlighter.Highlight(field, text, query, options)];
    }

    /// <summary>The snippet with marks around what was searched for. Nothing is escaped: for HTML, encode the pieces between the ranges.</summary>
    public string Mark(string before, string after)
    {
        var text = new StringBuilder();
        var at = 0;
        foreach (var range in Ranges)
        {
            text.Append(Snippet, at, range.Start - at).Append(before).Append(Snippet, range.Start, range.Length).Append(after);
            at = range.Start + range.Length;
        }

        return text.Append(Snippet, at, Snippet.Length - at).ToString();
    }
}
