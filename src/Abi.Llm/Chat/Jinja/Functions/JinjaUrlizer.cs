using System.Text;
using System.Text.RegularExpressions;

namespace Abi.Llm.Chat.Jinja;

/// <summary>The filter <c>urlize</c>: makes links of the addresses in a text, which is escaped.</summary>
internal static class JinjaUrlizer
{
    private const RegexOptions Options = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.IgnoreCase;

    private const string Named = @"(https?://|www\.)([\w%-]+\.)*([a-z]{2,63}|xn--[\w%]{2,59})";
    private const string WellKnown = @"([\w%-]{2,63}\.)+(com|net|int|edu|gov|org|info|mil)";
    private const string Numbered = @"https?://(\d{1,3}(\.\d{1,3}){3}|\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}\])";

    private static readonly Regex Address = new($@"^({Named}|{WellKnown}|{Numbered})(:\d{{1,5}})?([/?#]\S*)?$", Options);
    private static readonly Regex Mail = new(@"^\S+@\w[\w.-]*\.\w+$", Options);
    private static readonly Regex Scheme = new(@"^[\w.+-]{2,}:/{0,2}$", Options);
    private static readonly (string Open, string Close)[] Brackets = [("(", ")"), ("<", ">"), ("&lt;", "&gt;")];
    private static readonly string[] Heads = ["(", "<", "&lt;"];
    private static readonly string[] Tails = [")", ">", ".", ",", "\n", "&gt;"];

    public static object Urlize(object? value, JinjaArguments arguments)
    {
        long? limit = arguments.Get(0, null) is null ? null : arguments.Integer(0, 0);
        var relations = new SortedSet<string>(JinjaUnicode.Words(arguments.Get(3, null) is null ? "" : arguments.RequireText(3)), StringComparer.Ordinal) { "noopener" };
        if (arguments.Flag(1, false))
        {
            relations.Add("nofollow");
        }

        var attributes = $" rel=\"{JinjaMarkup.Escape(string.Join(' ', relations))}\"";
        attributes += JinjaOperators.IsTrue(arguments.Get(2, null)) ? $" target=\"{JinjaMarkup.Escape(arguments.GetMarked(2, null))}\"" : "";
        List<string> schemes = [];
        foreach (var scheme in arguments.Get(4, null) is null ? [] : JinjaOperators.ToList(arguments[4], arguments.Runtime))
        {
            schemes.Add(scheme is string text && Scheme.IsMatch(text) ? text : throw JinjaError.Other($"FilterArgumentError: {JinjaText.Represent(scheme)} is not a valid URI scheme prefix."));
        }

        var output = new StringBuilder();
        foreach (var word in Split(JinjaMarkup.Escape(value)))
        {
            arguments.Runtime.Step();
            var before = output.Length;
            output.Append(Link(word, limit, attributes, schemes));
            arguments.Runtime.CheckGrowth(output, before);
        }

        return arguments.Runtime.EscapesOutput ? new JinjaMarkup(output.ToString()) : output.ToString();
    }

    /// <summary>Words and the white space between them.</summary>
    private static IEnumerable<string> Split(string text)
    {
        for (var i = 0; i < text.Length;)
        {
            var start = i;
            while (i < text.Length && JinjaUnicode.IsSpace(text[i]) == JinjaUnicode.IsSpace(text[start]))
            {
                i++;
            }

            yield return text[start..i];
        }
    }

    private static string Link(string word, long? limit, string attributes, List<string> schemes)
    {
        var (head, middle, tail) = Trim(word);
        var shown = limit is { } most && JinjaText.Length(middle) > most ? JinjaMembers.Slice(middle, null, most, null) + "..." : middle;
        if (Address.IsMatch(middle) && !middle.EndsWith('\n'))
        {
            var isWhole = middle.StartsWith("https://", StringComparison.Ordinal) || middle.StartsWith("http://", StringComparison.Ordinal);
            middle = $"<a href=\"{(isWhole ? "" : "https://")}{middle}\"{attributes}>{shown}</a>";
        }
        else if (middle.StartsWith("mailto:", StringComparison.Ordinal) && Mail.IsMatch(middle[7..]))
        {
            middle = $"<a href=\"{middle}\">{middle[7..]}</a>";
        }
        else if (middle.Contains('@', StringComparison.Ordinal) && !middle.StartsWith("www.", StringComparison.Ordinal) && !middle.Contains(':', StringComparison.Ordinal) && Mail.IsMatch(middle))
        {
            middle = $"<a href=\"mailto:{middle}\">{middle}</a>";
        }
        else
        {
            foreach (var scheme in schemes)
            {
                middle = middle != scheme && middle.StartsWith(scheme, StringComparison.Ordinal) ? $"<a href=\"{middle}\"{attributes}>{middle}</a>" : middle;
            }
        }

        return head + middle + tail;
    }

    /// <summary>Takes brackets and punctuation off a word, but leaves it the closing brackets whose opening ones are inside.</summary>
    private static (string Head, string Middle, string Tail) Trim(string word)
    {
        var start = 0;
        while (Array.Find(Heads, mark => word.AsSpan(start).StartsWith(mark)) is { } mark)
        {
            start += mark.Length;
        }

        var end = word.Length;
        while (Array.Find(Tails, mark => word.AsSpan(start, end - start).EndsWith(mark)) is { } mark)
        {
            end -= mark.Length;
        }

        var (middle, tail) = (word[start..end], word[end..]);
        foreach (var (open, close) in Brackets)
        {
            var opened = Count(middle, open);
            var moved = 0;
            for (var moves = opened > Count(middle, close) ? Math.Min(opened, Count(tail, close)) : 0; moves > 0; moves--)
            {
                moved = tail.IndexOf(close, moved, StringComparison.Ordinal) + close.Length;
            }

            (middle, tail) = (middle + tail[..moved], tail[moved..]);
        }

        return (word[..start], middle, tail);
    }

    private static int Count(string text, string part) => text.AsSpan().Count(part);
}
