using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>The methods of strings, with Python's meanings. Those that search and split are in the other parts.</summary>
internal static partial class JinjaStringMethods
{
    private static readonly Dictionary<string, (JinjaSignature Signature, Func<string, JinjaArguments, object?> Function)> Methods = new(StringComparer.Ordinal)
    {
        ["capitalize"] = ("", (text, _) => JinjaUnicode.Capitalize(text)),
        ["casefold"] = ("", (text, _) => JinjaUnicode.Fold(text)),
        ["center"] = ("/ width fillchar?", (text, a) => Center(text, a.Integer(0, 0), Fill(a), a.Runtime)),
        ["count"] = ("/ sub start? end?", (text, a) => Count(text, a)),
        ["endswith"] = ("/ suffix start? end?", (text, a) => Affix(text, a, static (part, affix) => part.EndsWith(affix, StringComparison.Ordinal))),
        ["expandtabs"] = ("tabsize?", (text, a) => ExpandTabs(text, a.Integer(0, 8), a.Runtime)),
        ["find"] = ("/ sub start? end?", (text, a) => Find(text, a, fromEnd: false)),
        ["format"] = ("/ * **", (text, a) => JinjaBraces.Format(text, a, escapes: false)),
        ["format_map"] = ("/ mapping", (text, a) => JinjaBraces.FormatMap(text, a[0], a.Runtime, escapes: false)),
        ["index"] = ("/ sub start? end?", (text, a) => Found(Find(text, a, fromEnd: false))),
        ["isalnum"] = ("", (text, _) => All(text, JinjaUnicode.IsAlphanumeric)),
        ["isalpha"] = ("", (text, _) => All(text, JinjaUnicode.IsLetter)),
        ["isascii"] = ("", (text, _) => Ascii.IsValid(text)),
        ["isdecimal"] = ("", (text, _) => All(text, JinjaUnicode.IsDecimal)),
        ["isdigit"] = ("", (text, _) => All(text, JinjaUnicode.IsDigit)),
        ["isidentifier"] = ("", (text, _) => JinjaUnicode.IsIdentifier(text)),
        ["islower"] = ("", (text, _) => IsLower(text)),
        ["isnumeric"] = ("", (text, _) => All(text, JinjaUnicode.IsNumeric)),
        ["isprintable"] = ("", (text, _) => text.Length == 0 || All(text, JinjaUnicode.IsPrintable)),
        ["isspace"] = ("", (text, _) => text.Length > 0 && text.All(JinjaUnicode.IsSpace)),
        ["istitle"] = ("", (text, _) => IsTitle(text)),
        ["isupper"] = ("", (text, _) => IsUpper(text)),
        ["join"] = ("/ iterable", (text, a) => Join(text, a[0], a.Runtime, item => JinjaMarkup.Unwrap(item) as string
            ?? throw JinjaError.Type($"sequence item: expected str instance, {JinjaOperators.TypeName(item)} found"))),
        ["ljust"] = ("/ width fillchar?", (text, a) => text + Padding(text, a)),
        ["lower"] = ("", (text, _) => JinjaUnicode.Lower(text)),
        ["lstrip"] = ("/ chars?", (text, a) => Strip(text, a.Get(0, null), start: true, end: false)),
        ["maketrans"] = ("/ x y? z?", (_, a) => MakeTranslation(a)),
        ["partition"] = ("/ sep", (text, a) => Partition(text, a.RequireText(0), fromEnd: false)),
        ["removeprefix"] = ("/ prefix", (text, a) => a.RequireText(0) is var prefix && text.StartsWith(prefix, StringComparison.Ordinal) ? text[prefix.Length..] : text),
        ["removesuffix"] = ("/ suffix", (text, a) => a.RequireText(0) is var suffix && text.EndsWith(suffix, StringComparison.Ordinal) ? text[..^suffix.Length] : text),
        ["replace"] = ("/ old new count?", (text, a) => Replace(text, a.RequireText(0), a.RequireText(1), a.Integer(2, -1), a.Runtime)),
        ["rfind"] = ("/ sub start? end?", (text, a) => Find(text, a, fromEnd: true)),
        ["rindex"] = ("/ sub start? end?", (text, a) => Found(Find(text, a, fromEnd: true))),
        ["rjust"] = ("/ width fillchar?", (text, a) => Padding(text, a) + text),
        ["rpartition"] = ("/ sep", (text, a) => Partition(text, a.RequireText(0), fromEnd: true)),
        ["rsplit"] = ("sep? maxsplit?", (text, a) => Split(text, a.Get(0, null), a.Integer(1, -1), fromEnd: true)),
        ["rstrip"] = ("/ chars?", (text, a) => Strip(text, a.Get(0, null), start: false, end: true)),
        ["split"] = ("sep? maxsplit?", (text, a) => Split(text, a.Get(0, null), a.Integer(1, -1), fromEnd: false)),
        ["splitlines"] = ("keepends?", (text, a) => new JinjaList(SplitLines(text, a.Integer(0, 0) != 0))),
        ["startswith"] = ("/ prefix start? end?", (text, a) => Affix(text, a, static (part, affix) => part.StartsWith(affix, StringComparison.Ordinal))),
        ["strip"] = ("/ chars?", (text, a) => Strip(text, a.Get(0, null), start: true, end: true)),
        ["swapcase"] = ("", (text, _) => JinjaUnicode.SwapCase(text)),
        ["title"] = ("", (text, _) => JinjaUnicode.Title(text)),
        ["translate"] = ("/ table", (text, a) => Translate(text, a[0], a.Runtime)),
        ["upper"] = ("", (text, _) => JinjaUnicode.Upper(text)),
        ["zfill"] = ("/ width", (text, a) => ZeroFill(text, a.Integer(0, 0), a.Runtime)),
    };

    public static JinjaCallable? Find(string text, string name) =>
        Methods.TryGetValue(name, out var method) ? new JinjaCallable(name, method.Signature, a => method.Function(text, a)) : null;

    /// <summary>The same methods of a marked string: what is put into it is escaped, and what comes out is marked.</summary>
    public static JinjaCallable? Find(JinjaMarkup markup, string name) => name switch
    {
        "format" => new JinjaCallable(name, "/ * **", a => new JinjaMarkup(JinjaBraces.Format(markup.Text, a, escapes: true))),
        "format_map" => new JinjaCallable(name, "/ mapping", a => new JinjaMarkup(JinjaBraces.FormatMap(markup.Text, a[0], a.Runtime, escapes: true))),
        "join" => new JinjaCallable(name, "/ iterable", a => new JinjaMarkup(Join(markup.Text, a[0], a.Runtime, JinjaMarkup.Escape))),
        "replace" => new JinjaCallable(name, "/ old new count?", a => new JinjaMarkup(Replace(markup.Text, a.RequireText(0), JinjaMarkup.Escape(a.Positional[1]), a.Integer(2, -1), a.Runtime))),
        "striptags" => new JinjaCallable(name, "", _ => JinjaHtml.StripTags(markup.Text)),
        "unescape" => new JinjaCallable(name, "", _ => JinjaHtml.Unescape(markup.Text)),
        "maketrans" => Find(markup.Text, name),
        _ => Find(markup.Text, name) is { } method ? method with { Function = a => JinjaMarkup.Wrap(method.Function(a)) } : null,
    };

    public static string Strip(string text, object? characters, bool start, bool end)
    {
        if (characters is null)
        {
            text = start ? JinjaUnicode.TrimStart(text) : text;
            return end ? JinjaUnicode.TrimEnd(text) : text;
        }

        var set = JinjaText.Characters(characters as string ?? throw JinjaError.Type("strip arg must be None or str")).ToHashSet(StringComparer.Ordinal);
        var all = JinjaText.Characters(text);
        var (from, to) = (0, all.Count);
        while (start && from < to && set.Contains(all[from]))
        {
            from++;
        }

        while (end && to > from && set.Contains(all[to - 1]))
        {
            to--;
        }

        return string.Concat(all[from..to]);
    }

    public static string Replace(string text, string old, string replacement, long count, JinjaRuntime runtime)
    {
        if (count == 0 || string.Equals(old, replacement, StringComparison.Ordinal))
        {
            return text;
        }

        var builder = new StringBuilder();
        if (old.Length == 0)
        {
            foreach (var character in JinjaText.Characters(text))
            {
                var before = builder.Length;
                builder.Append(count == 0 ? "" : replacement).Append(character);
                count -= count > 0 ? 1 : 0;
                runtime.CheckGrowth(builder, before);
            }

            return runtime.Bound(builder.Append(count == 0 ? "" : replacement).ToString());
        }

        JinjaRuntime.Search(text, old);
        var position = 0;
        for (var found = text.IndexOf(old, StringComparison.Ordinal); found >= 0 && count != 0; found = text.IndexOf(old, position, StringComparison.Ordinal))
        {
            builder.Append(text, position, found - position);
            runtime.CheckCharacters(builder.Length + (long)replacement.Length, replacement.Length);
            builder.Append(replacement);
            position = found + old.Length;
            count--;
        }

        return runtime.Bound(builder.Append(text, position, text.Length - position).ToString());
    }

    public static string Center(string text, long width, string fill, JinjaRuntime runtime)
    {
        runtime.CheckCharacters(width);
        var margin = (int)Math.Max(width - JinjaText.Length(text), 0);
        var left = (margin / 2) + (margin & (int)width & 1);
        return Repeat(fill, left) + text + Repeat(fill, margin - left);
    }

    public static string Join(string separator, object? items, JinjaRuntime runtime, Func<object?, string> text)
    {
        var builder = new StringBuilder();
        var isFirst = true;
        foreach (var item in JinjaOperators.Iterate(items))
        {
            runtime.Step();
            var before = builder.Length;
            builder.Append(isFirst ? "" : separator).Append(text(item));
            isFirst = false;
            runtime.CheckGrowth(builder, before);
        }

        return builder.ToString();
    }

    public static bool IsUpper(string text) => JinjaText.Characters(text) is var all && all.Exists(JinjaUnicode.IsUpper) && !all.Exists(c => JinjaUnicode.IsLower(c) || JinjaUnicode.IsTitle(c));

    public static bool IsLower(string text) => JinjaText.Characters(text) is var all && all.Exists(JinjaUnicode.IsLower) && !all.Exists(c => JinjaUnicode.IsUpper(c) || JinjaUnicode.IsTitle(c));

    private static bool IsTitle(string text)
    {
        var (inWord, any) = (false, false);
        foreach (var character in JinjaText.Characters(text))
        {
            var begins = JinjaUnicode.IsUpper(character) || JinjaUnicode.IsTitle(character);
            var isCased = begins || JinjaUnicode.IsLower(character);
            if (isCased && begins == inWord)
            {
                return false;
            }

            inWord = isCased;
            any |= isCased;
        }

        return any;
    }

    private static bool All(string text, Func<string, bool> holds) => text.Length > 0 && JinjaText.Characters(text).TrueForAll(c => holds(c));

    private static string Fill(JinjaArguments arguments) => arguments.Get(1, " ") is string fill && JinjaText.Length(fill) == 1
        ? fill
        : throw JinjaError.Type("the fill character must be exactly one character long");

    private static string Padding(string text, JinjaArguments arguments)
    {
        var (width, fill) = (arguments.Integer(0, 0), Fill(arguments));
        arguments.Runtime.CheckCharacters(width);
        return Repeat(fill, (int)Math.Max(width - JinjaText.Length(text), 0));
    }

    private static string Repeat(string fill, int count) => fill.Length == 1 ? new string(fill[0], count) : string.Concat(Enumerable.Repeat(fill, count));

    private static string ZeroFill(string text, long width, JinjaRuntime runtime)
    {
        runtime.CheckCharacters(width);
        var zeros = new string('0', (int)Math.Max(width - JinjaText.Length(text), 0));
        return text is ['-' or '+', ..] ? text[0] + zeros + text[1..] : zeros + text;
    }

    private static string ExpandTabs(string text, long size, JinjaRuntime runtime)
    {
        var builder = new StringBuilder();
        long column = 0;
        foreach (var character in JinjaText.Characters(text))
        {
            if (character == "\t")
            {
                var spaces = size > 0 ? size - (column % size) : 0;
                runtime.CheckCharacters(builder.Length + spaces, spaces);
                builder.Append(' ', (int)spaces);
                column += spaces;
                continue;
            }

            builder.Append(character);
            column = character is "\n" or "\r" ? 0 : column + 1;
        }

        return builder.ToString();
    }

    private static string Translate(string text, object? table, JinjaRuntime runtime)
    {
        var builder = new StringBuilder();
        foreach (var character in JinjaText.Characters(text))
        {
            long code = character.Length > 1 ? char.ConvertToUtf32(character, 0) : character[0];
            object? mapped = character;
            _ = table switch
            {
                JinjaDictionary dictionary => dictionary.TryGet(code, out var value) ? mapped = value : null,
                JinjaList list => code < list.Count ? mapped = list[(int)code] : null,
                _ => throw JinjaError.Type($"'{JinjaOperators.TypeName(table)}' object is not subscriptable"),
            };
            var before = builder.Length;
            builder.Append(mapped switch
            {
                null => "",
                string other => other,
                long and (< 0 or > 0x10ffff) => throw JinjaError.Value("character mapping must be in range(0x110000)"),
                long and >= 0xd800 and <= 0xdfff => ((char)(long)mapped).ToString(),
                long other => char.ConvertFromUtf32((int)other),
                _ => throw JinjaError.Type("character mapping must return integer, None or str"),
            });
            runtime.CheckGrowth(builder, before);
        }

        return builder.ToString();
    }

    private static JinjaDictionary MakeTranslation(JinjaArguments arguments)
    {
        var table = new JinjaDictionary();
        if (!arguments.Has(1))
        {
            var source = arguments[0] as JinjaDictionary ?? throw JinjaError.Type("if you give only one argument to maketrans it must be a dict");
            foreach (var (key, value) in source.Entries)
            {
                table[key is string text ? Code(text) : JinjaNumbers.IsInteger(key) ? key : throw JinjaError.Type("keys in translate table must be strings or integers")] = value;
            }

            return table;
        }

        var (from, to) = (JinjaText.Characters(arguments.RequireText(0)), JinjaText.Characters(arguments.RequireText(1)));
        if (from.Count != to.Count)
        {
            throw JinjaError.Value("the first two maketrans arguments must have equal length");
        }

        foreach (var (a, b) in from.Zip(to))
        {
            table[Code(a)] = Code(b);
        }

        foreach (var gone in arguments.Has(2) ? JinjaText.Characters(arguments.RequireText(2)) : [])
        {
            table[Code(gone)] = null;
        }

        return table;

        static long Code(string character) => JinjaText.Length(character) == 1
            ? character.Length > 1 ? char.ConvertToUtf32(character, 0) : character[0]
            : throw JinjaError.Value("string keys in translate table must be of length 1");
    }
}
