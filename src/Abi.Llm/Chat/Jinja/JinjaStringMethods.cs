using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>The methods of strings, with Python's meanings.</summary>
internal static class JinjaStringMethods
{
    /// <summary>Upper-casings that make more than one character (Unicode SpecialCasing, unconditional).</summary>
    private static readonly Dictionary<char, string> LongUpper = new()
    {
        ['ß'] = "SS", ['ŉ'] = "ʼN", ['ǰ'] = "J̌", ['ΐ'] = "Ϊ́", ['ΰ'] = "Ϋ́", ['և'] = "ԵՒ", ['ẖ'] = "H̱", ['ẗ'] = "T̈", ['ẘ'] = "W̊", ['ẙ'] = "Y̊", ['ẚ'] = "Aʾ",
        ['ﬀ'] = "FF", ['ﬁ'] = "FI", ['ﬂ'] = "FL", ['ﬃ'] = "FFI", ['ﬄ'] = "FFL", ['ﬅ'] = "ST", ['ﬆ'] = "ST",
    };

    public static JinjaCallable? Find(string text, string name)
    {
        Func<JinjaArguments, object?>? method = name switch
        {
            "strip" => a => Strip(text, a.Get(0, "chars", null), start: true, end: true),
            "lstrip" => a => Strip(text, a.Get(0, "chars", null), start: true, end: false),
            "rstrip" => a => Strip(text, a.Get(0, "chars", null), start: false, end: true),
            "upper" => _ => Upper(text),
            "lower" or "casefold" => _ => Lower(text),
            "title" => _ => Title(text),
            "capitalize" => _ => Capitalize(text),
            "swapcase" => _ => string.Concat(text.Select(c => char.IsUpper(c) ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c))),
            "split" => a => Split(text, a.Get(0, "sep", null), a.Integer(1, "maxsplit", -1), fromEnd: false),
            "rsplit" => a => Split(text, a.Get(0, "sep", null), a.Integer(1, "maxsplit", -1), fromEnd: true),
            "splitlines" => a => new JinjaList(SplitLines(text, a.Flag(0, "keepends", false))),
            "startswith" => a => Any(a.Require(0, "prefix"), prefix => text.StartsWith(prefix, StringComparison.Ordinal)),
            "endswith" => a => Any(a.Require(0, "suffix"), suffix => text.EndsWith(suffix, StringComparison.Ordinal)),
            "replace" => a => Replace(text, a.RequireText(0, "old"), a.RequireText(1, "new"), a.Integer(2, "count", -1), a.Runtime),
            "find" => a => Position(text, text.IndexOf(a.RequireText(0, "sub"), StringComparison.Ordinal)),
            "rfind" => a => Position(text, text.LastIndexOf(a.RequireText(0, "sub"), StringComparison.Ordinal)),
            "index" => a => text.IndexOf(a.RequireText(0, "sub"), StringComparison.Ordinal) is var i and >= 0
                ? Position(text, i)
                : throw new JinjaException(JinjaErrorKind.Runtime, "ValueError: substring not found"),
            "count" => a => Count(text, a.RequireText(0, "sub")),
            "join" => a => a.Runtime.Bound(string.Join(text, JinjaOperators.Iterate(a.Require(0, "iterable")).Select(item => item as string
                ?? throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: sequence item: expected str instance, {JinjaOperators.TypeName(item)} found")))),
            "format" => a => JinjaFormat.Braces(text, a),
            "zfill" => a => Pad(text, a.Integer(0, "width", 0), '0', text.StartsWith('-') || text.StartsWith('+') ? 2 : 0, a.Runtime),
            "ljust" => a => Pad(text, a.Integer(0, "width", 0), Fill(a), 1, a.Runtime),
            "rjust" => a => Pad(text, a.Integer(0, "width", 0), Fill(a), 0, a.Runtime),
            "center" => a => Center(text, a.Integer(0, "width", 0), a.Runtime),
            "removeprefix" => a => a.RequireText(0, "prefix") is var prefix && text.StartsWith(prefix, StringComparison.Ordinal) ? text[prefix.Length..] : text,
            "removesuffix" => a => a.RequireText(0, "suffix") is { Length: > 0 } suffix && text.EndsWith(suffix, StringComparison.Ordinal) ? text[..^suffix.Length] : text,
            "partition" => a => Partition(text, a.RequireText(0, "sep"), fromEnd: false),
            "rpartition" => a => Partition(text, a.RequireText(0, "sep"), fromEnd: true),
            "isdigit" or "isdecimal" or "isnumeric" => _ => text.Length > 0 && text.All(char.IsDigit),
            "isalpha" => _ => text.Length > 0 && text.All(char.IsLetter),
            "isalnum" => _ => text.Length > 0 && text.All(char.IsLetterOrDigit),
            "isspace" => _ => text.Length > 0 && text.All(char.IsWhiteSpace),
            "isupper" => _ => text.Any(char.IsUpper) && !text.Any(char.IsLower),
            "islower" => _ => text.Any(char.IsLower) && !text.Any(char.IsUpper),
            _ => null,
        };
        return method is null ? null : new JinjaCallable(name, method);
    }

    public static string Upper(string text) => text.Any(LongUpper.ContainsKey)
        ? string.Concat(text.Select(c => LongUpper.TryGetValue(c, out var upper) ? upper : char.ToUpperInvariant(c).ToString()))
        : text.ToUpperInvariant();

    public static string Lower(string text) => text.ToLowerInvariant().Replace("İ", "i̇", StringComparison.Ordinal);

    public static string Capitalize(string text) => text.Length == 0 ? text : Upper(text[..1]) + Lower(text[1..]);

    public static string Title(string text)
    {
        var builder = new StringBuilder(text.Length);
        var inWord = false;
        foreach (var c in text)
        {
            builder.Append(inWord ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c));
            inWord = char.IsLetter(c);
        }

        return builder.ToString();
    }

    public static string Strip(string text, object? characters, bool start, bool end)
    {
        var set = characters switch { null => null, string s => s, _ => throw new JinjaException(JinjaErrorKind.Runtime, "TypeError: strip arg must be None or str") };
        var (from, to) = (0, text.Length);
        while (start && from < to && Matches(text[from]))
        {
            from++;
        }

        while (end && to > from && Matches(text[to - 1]))
        {
            to--;
        }

        return text[from..to];

        bool Matches(char c) => set is null ? char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f' : set.Contains(c, StringComparison.Ordinal);
    }

    public static string Replace(string text, string old, string replacement, long count, JinjaRuntime runtime)
    {
        if (count == 0 || (old.Length == 0 && replacement.Length == 0))
        {
            return text;
        }

        var builder = new StringBuilder();
        var position = 0;
        if (old.Length == 0)
        {
            foreach (var character in JinjaText.Characters(text))
            {
                _ = count-- != 0 ? builder.Append(replacement).Append(character) : builder.Append(character);
                count = Math.Max(count, -1);
            }

            return runtime.Bound(count != 0 ? builder.Append(replacement).ToString() : builder.ToString());
        }

        for (var found = text.IndexOf(old, StringComparison.Ordinal); found >= 0 && count != 0; found = text.IndexOf(old, position, StringComparison.Ordinal))
        {
            builder.Append(text, position, found - position);
            runtime.CheckCharacters(builder.Length + (long)replacement.Length);
            builder.Append(replacement);
            position = found + old.Length;
            count--;
        }

        return runtime.Bound(builder.Append(text, position, text.Length - position).ToString());
    }

    public static string Center(string text, long width, JinjaRuntime runtime)
    {
        runtime.CheckCharacters(width);
        var margin = (int)Math.Max(width - JinjaText.Length(text), 0);
        var left = (margin / 2) + (margin & (int)width & 1);
        return new string(' ', left) + text + new string(' ', margin - left);
    }

    public static List<string> SplitLines(string text, bool keepEnds)
    {
        List<string> lines = [];
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is '\n' or '\r' or '\v' or '\f' or '\x1c' or '\x1d' or '\x1e' or '\x85' or '\u2028' or '\u2029')
            {
                var end = i + (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? 2 : 1);
                lines.Add(text[start..(keepEnds ? end : i)]);
                start = end;
                i = end - 1;
            }
        }

        if (start < text.Length)
        {
            lines.Add(text[start..]);
        }

        return lines;
    }

    private static char Fill(JinjaArguments arguments) => arguments.Text(1, "fillchar", " ") is { Length: 1 } fill ? fill[0] : throw new JinjaException(JinjaErrorKind.Runtime, "TypeError: the fill character must be exactly one character long");

    /// <summary>Pads to a width: 0 on the left, 1 on the right, 2 behind the sign.</summary>
    private static string Pad(string text, long width, char fill, int side, JinjaRuntime runtime)
    {
        runtime.CheckCharacters(width);
        var padding = new string(fill, (int)Math.Max(width - JinjaText.Length(text), 0));
        return side switch { 0 => padding + text, 1 => text + padding, _ => text[0] + padding + text[1..] };
    }

    private static long Position(string text, int index) => index < 0 ? -1 : JinjaText.Length(text[..index]);

    private static long Count(string text, string part)
    {
        if (part.Length == 0)
        {
            return JinjaText.Length(text) + 1;
        }

        long count = 0;
        for (var i = text.IndexOf(part, StringComparison.Ordinal); i >= 0; i = text.IndexOf(part, i + part.Length, StringComparison.Ordinal))
        {
            count++;
        }

        return count;
    }

    private static bool Any(object? argument, Func<string, bool> test) => argument switch
    {
        string text => test(text),
        JinjaList { IsTuple: true } tuple => tuple.Exists(item => item is string text && test(text)),
        _ => throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: first arg must be str or a tuple of str, not {JinjaOperators.TypeName(argument)}"),
    };

    private static JinjaList Partition(string text, string separator, bool fromEnd)
    {
        var at = fromEnd ? text.LastIndexOf(separator, StringComparison.Ordinal) : text.IndexOf(separator, StringComparison.Ordinal);
        return at >= 0 ? new JinjaList([text[..at], separator, text[(at + separator.Length)..]], isTuple: true)
            : new JinjaList(fromEnd ? ["", "", text] : [text, "", ""], isTuple: true);
    }

    private static JinjaList Split(string text, object? separator, long most, bool fromEnd)
    {
        List<string> parts = [];
        most = most < 0 ? long.MaxValue : most;
        if (separator is null)
        {
            return new JinjaList(SplitWhiteSpace(text, most, fromEnd));
        }

        if (separator is not string { Length: > 0 } mark)
        {
            throw new JinjaException(JinjaErrorKind.Runtime, "ValueError: empty separator");
        }

        if (fromEnd)
        {
            var end = text.Length;
            for (int at; parts.Count < most && end >= mark.Length && (at = text[..end].LastIndexOf(mark, StringComparison.Ordinal)) >= 0; end = at)
            {
                parts.Add(text[(at + mark.Length)..end]);
            }

            parts.Add(text[..end]);
            parts.Reverse();
            return new JinjaList(parts);
        }

        var start = 0;
        for (int at; parts.Count < most && (at = text.IndexOf(mark, start, StringComparison.Ordinal)) >= 0; start = at + mark.Length)
        {
            parts.Add(text[start..at]);
        }

        parts.Add(text[start..]);
        return new JinjaList(parts);
    }

    private static List<string> SplitWhiteSpace(string text, long most, bool fromEnd)
    {
        List<string> words = [.. text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];
        if (words.Count <= most)
        {
            return words;
        }

        // What is left over keeps its inner white space.
        if (fromEnd)
        {
            var rest = text.TrimEnd();
            List<string> last = [];
            for (var i = 0; i < most; i++)
            {
                var word = words[^(i + 1)];
                last.Insert(0, word);
                rest = rest[..^word.Length].TrimEnd();
            }

            return [rest, .. last];
        }

        var remaining = text.TrimStart();
        List<string> first = [];
        for (var i = 0; i < most; i++)
        {
            first.Add(words[i]);
            remaining = remaining[words[i].Length..].TrimStart();
        }

        return [.. first, remaining];
    }
}
