using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>Values as text: Python's <c>str</c> and <c>repr</c>, and strings counted in code points.</summary>
internal static class JinjaText
{
    public static string ToText(object? value) => value switch
    {
        string text => text,
        JinjaMarkup markup => markup.Text,
        JinjaUndefined => "",
        _ => Represent(value),
    };

    /// <summary>The text of what is written without being made text first: a filter block, a call block.</summary>
    public static string RequireText(object? value) => JinjaMarkup.Unwrap(value) as string ?? throw JinjaError.Type($"expected str instance, {JinjaOperators.TypeName(value)} found");

    public static string Represent(object? value, bool sortsKeys = false)
    {
        var builder = new StringBuilder();
        Represent(builder, value, sortsKeys);
        return builder.ToString();
    }

    public static int Length(string text)
    {
        var length = text.Length;
        for (var i = 1; i < text.Length; i++)
        {
            length -= char.IsLowSurrogate(text[i]) && char.IsHighSurrogate(text[i - 1]) ? 1 : 0;
        }

        return length;
    }

    /// <summary>The first place of a part; below zero when there is none.</summary>
    public static int IndexOf(string text, string part)
    {
        JinjaRuntime.Search(text, part);
        return text.IndexOf(part, StringComparison.Ordinal);
    }

    /// <summary>The last place of a part; below zero when there is none.</summary>
    public static int LastIndexOf(string text, string part)
    {
        JinjaRuntime.Search(text, part);
        return part.Length == 0 ? text.Length : text.LastIndexOf(part, StringComparison.Ordinal);
    }

    /// <summary>The code points of a string, each as a string.</summary>
    public static List<string> Characters(string text)
    {
        JinjaRuntime.CheckParts(text.Length);
        var characters = new List<string>(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var isPair = char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);
            characters.Add(isPair ? text.Substring(i++, 2) : text[i].ToString());
        }

        return characters;
    }

    /// <summary>The position in UTF-16 of a code point, at most the text's end.</summary>
    public static int Offset(string text, long codePoint)
    {
        var i = 0;
        for (; codePoint > 0 && i < text.Length; codePoint--)
        {
            i += char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]) ? 2 : 1;
        }

        return i;
    }

    /// <summary>The first code points of a string.</summary>
    public static string First(string text, long count) => count >= text.Length ? text : text[..Offset(text, count)];

    private static void Represent(StringBuilder builder, object? value, bool sortsKeys)
    {
        JinjaRuntime.Descend();
        JinjaRuntime.CheckText(builder.Length);
        switch (value)
        {
            case null: builder.Append("None"); break;
            case bool flag: builder.Append(flag ? "True" : "False"); break;
            case double number: builder.Append(JinjaDecimal.Shortest(number)); break;
            case string text: Quote(builder, text); break;
            case JinjaMarkup markup:
                builder.Append("Markup(");
                Quote(builder, markup.Text);
                builder.Append(')');
                break;
            case JinjaUndefined: builder.Append("Undefined"); break;
            case JinjaList list:
                builder.Append(list.IsTuple ? '(' : '[');
                Represent(builder, list, sortsKeys);
                builder.Append(list.IsTuple ? list.Count == 1 ? ",)" : ")" : "]");
                break;
            case JinjaDictionary dictionary:
                builder.Append('{');
                var first = true;
                foreach (var (key, item) in sortsKeys ? JinjaPrettyPrinter.Sorted(dictionary) : dictionary.Entries)
                {
                    builder.Append(first ? "" : ", ");
                    first = false;
                    Represent(builder, key, sortsKeys);
                    builder.Append(": ");
                    Represent(builder, item, sortsKeys);
                }

                builder.Append('}');
                break;
            case JinjaView view:
                builder.Append(CultureInfo.InvariantCulture, $"dict_{view.Name}([");
                Represent(builder, view.Items(), sortsKeys);
                builder.Append("])");
                break;
            case JinjaNamespace instance: Represent(builder, instance, sortsKeys); break;
            default: builder.Append(JinjaNumbers.IsInteger(value) ? JinjaNumbers.Text(value) : Name(value)); break;
        }
    }

    private static void Represent(StringBuilder builder, IEnumerable<object?> items, bool sortsKeys)
    {
        var isFirst = true;
        foreach (var item in items)
        {
            builder.Append(isFirst ? "" : ", ");
            isFirst = false;
            Represent(builder, item, sortsKeys);
        }
    }

    private static void Represent(StringBuilder builder, JinjaNamespace instance, bool sortsKeys)
    {
        var attributes = new JinjaDictionary();
        foreach (var (name, value) in instance.Attributes)
        {
            attributes[name] = value;
        }

        builder.Append("<Namespace ");
        Represent(builder, attributes, sortsKeys);
        builder.Append('>');
    }

    /// <summary>Objects that have no value to show (Python shows an address for some of them).</summary>
    private static string Name(object? value) => value switch
    {
        JinjaRange range => range.ToString(),
        JinjaIterator iterator => $"<{iterator.TypeName} object>",
        JinjaLoop loop => loop.ToString(),
        JinjaMacro { Name: { } name } => $"<Macro {Represent(name)}>",
        JinjaMacro => "<Macro anonymous>",
        JinjaSelf => "<TemplateReference None>",
        JinjaCallable callable => $"<function {callable.Name}>",
        _ => $"<{JinjaOperators.TypeName(value)} object>",
    };

    private static void Quote(StringBuilder builder, string text)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        builder.Append(quote);
        foreach (var character in Ascii.IsValid(text) ? text.Select(c => c.ToString()) : Characters(text))
        {
            var c = character[0];
            _ = c switch
            {
                '\n' => builder.Append("\\n"),
                '\r' => builder.Append("\\r"),
                '\t' => builder.Append("\\t"),
                '\\' => builder.Append("\\\\"),
                < ' ' or '\x7f' => builder.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}"),
                > '\x7f' when !JinjaUnicode.IsPrintable(character) => builder.Append(Escape(character)),
                _ => builder.Append(c == quote ? "\\" : "").Append(character),
            };
        }

        builder.Append(quote);
    }

    /// <summary>A character as Python's <c>backslashreplace</c> writes it.</summary>
    public static string Escape(string character) => character.Length > 1 ? $"\\U{char.ConvertToUtf32(character, 0):x8}"
        : character[0] < 0x100 ? $"\\x{(int)character[0]:x2}" : $"\\u{(int)character[0]:x4}";
}
