using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>The filters that make or change text.</summary>
internal static partial class JinjaFilters
{
    private static object? Format(object? value, JinjaArguments arguments)
    {
        if (arguments.Positional.Count > 0 && arguments.Named.Count > 0)
        {
            throw JinjaError.Other("FilterArgumentError: can't handle positional and keyword arguments at the same time");
        }

        object values = new JinjaList(arguments.Positional, isTuple: true);
        if (arguments.Named.Count > 0)
        {
            var named = new JinjaDictionary();
            foreach (var (name, item) in arguments.Named)
            {
                named[name] = item;
            }

            values = named;
        }

        return JinjaOperators.Calculate("%", value is JinjaMarkup ? value : JinjaText.ToText(value), values, arguments.Runtime);
    }

    private static object? Replace(object? value, JinjaArguments arguments)
    {
        var count = arguments.Get(2, null) is null ? -1 : arguments.Integer(2, -1);
        if (!arguments.Runtime.EscapesOutput)
        {
            return JinjaStringMethods.Replace(JinjaText.ToText(value), arguments.Text(0), arguments.Text(1), count, arguments.Runtime);
        }

        var escapes = value is JinjaMarkup || arguments.Positional[0] is JinjaMarkup || arguments.Positional[1] is JinjaMarkup;
        var text = JinjaStringMethods.Replace(
            escapes ? JinjaMarkup.Escape(value) : JinjaText.ToText(value), arguments.Text(0), escapes ? JinjaMarkup.Escape(arguments.Positional[1]) : arguments.Text(1), count, arguments.Runtime);
        return escapes ? new JinjaMarkup(text) : text;
    }

    private static object Indent(object? value, JinjaArguments arguments)
    {
        // Jinja adds a newline to the value, so that a trailing one counts as an empty last line; what cannot be added to is an error there too.
        var text = JinjaMarkup.Unwrap(JinjaOperators.Calculate("+", value, "\n", arguments.Runtime)) as string ?? "";
        var width = arguments.Get(0, 4L);
        var indentation = width as string ?? (string)JinjaOperators.Calculate("*", " ", width, arguments.Runtime)!;
        var (first, blank) = (arguments.Flag(1, false), arguments.Flag(2, false));
        var builder = new StringBuilder();
        var lines = JinjaStringMethods.SplitLines(text, keepEnds: false);
        for (var i = 0; i < lines.Count; i++)
        {
            var before = builder.Length;
            builder.Append(i > 0 ? "\n" : "");
            if (i == 0 ? first : blank || lines[i].Length > 0)
            {
                builder.Append(indentation);
            }

            builder.Append(lines[i]);
            arguments.Runtime.CheckGrowth(builder, before);
        }

        return value is JinjaMarkup ? new JinjaMarkup(builder.ToString()) : builder.ToString();
    }

    /// <summary>The filter's own notion of words: white space, hyphens and opening brackets part them.</summary>
    private static string Title(string text)
    {
        var builder = new StringBuilder(text.Length);
        var start = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && !(JinjaUnicode.IsSpace(text[i]) || text[i] is '-' or '(' or '{' or '[' or '<'))
            {
                continue;
            }

            if (i > start)
            {
                var head = JinjaText.First(text[start..i], 1);
                builder.Append(JinjaUnicode.Upper(head)).Append(JinjaUnicode.Lower(text[(start + head.Length)..i]));
            }

            builder.Append(i < text.Length ? text[i] : null);
            start = i + 1;
        }

        return builder.ToString();
    }

    private static object? Truncate(object? value, JinjaArguments arguments)
    {
        var (length, end) = (arguments.Get(0, 255L), arguments.Get(2, "..."));
        var leeway = arguments.Get(3, null) ?? 5L;
        var room = JinjaOperators.Calculate("-", length, JinjaOperators.Length(end), arguments.Runtime);
        if (!JinjaOperators.Holds(">=", room, 0L) || !JinjaOperators.Holds(">=", leeway, 0L))
        {
            throw JinjaError.Other("AssertionError: truncate needs a length of at least its end's, and no negative leeway");
        }

        if (JinjaOperators.Holds("<=", JinjaOperators.Length(value), JinjaOperators.Calculate("+", length, leeway, arguments.Runtime)))
        {
            return value;
        }

        var cut = JinjaMembers.Slice(value, null, room, null);
        if (!arguments.Flag(1, false))
        {
            var text = JinjaMarkup.Unwrap(cut) as string ?? throw JinjaError.Other($"AttributeError: '{JinjaOperators.TypeName(cut)}' object has no attribute 'rsplit'");
            var kept = text.LastIndexOf(' ') is var space and >= 0 ? text[..space] : text;
            cut = cut is JinjaMarkup ? new JinjaMarkup(kept) : kept;
        }

        return JinjaOperators.Calculate("+", cut, arguments.GetMarked(2, "..."), arguments.Runtime);
    }

    private static long WordCount(string text)
    {
        var characters = JinjaText.Characters(text);
        long count = 0;
        for (var i = 0; i < characters.Count; i++)
        {
            count += JinjaUnicode.IsWord(characters[i]) && (i == 0 || !JinjaUnicode.IsWord(characters[i - 1])) ? 1 : 0;
        }

        return count;
    }

    private static object Join(object? value, JinjaArguments arguments)
    {
        var attribute = arguments.Get(1, null);
        var items = JinjaOperators.Iterate(value);
        items = attribute is null ? items : items.Select(item => JinjaMembers.GetPath(item, attribute));
        if (!arguments.Runtime.EscapesOutput)
        {
            return JinjaStringMethods.Join(arguments.Text(0), new JinjaIterator(items), arguments.Runtime, JinjaText.ToText);
        }

        var list = JinjaOperators.ToList(new JinjaIterator(items), arguments.Runtime);
        var separator = arguments.GetMarked(0, "");
        return separator is JinjaMarkup || list.Exists(item => item is JinjaMarkup)
            ? new JinjaMarkup(JinjaStringMethods.Join(JinjaMarkup.Escape(separator), list, arguments.Runtime, JinjaMarkup.Escape))
            : JinjaStringMethods.Join(arguments.Text(0), list, arguments.Runtime, JinjaText.ToText);
    }
}
