using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>Python's second way of formatting: <c>str.format</c> and <c>str.format_map</c>, whose fields reach attributes and items as a template does.</summary>
internal sealed class JinjaBraces(IReadOnlyList<object?> positional, Func<string, object?> named, JinjaRuntime runtime, bool escapes)
{
    private int _next;
    private bool _numbersItself;
    private bool _isNumbered;

    public static string Format(string format, JinjaArguments arguments, bool escapes) => new JinjaBraces(
        arguments.Positional,
        name => arguments.Named.TryGetValue(name, out var value) ? value : throw JinjaError.Other($"KeyError: '{name}'"),
        arguments.Runtime,
        escapes).Format(format, 2);

    public static string FormatMap(string format, object? mapping, JinjaRuntime runtime, bool escapes) => new JinjaBraces(
        [],
        name => mapping is JinjaDictionary dictionary
            ? dictionary.TryGet(name, out var value) ? value : throw JinjaError.Other($"KeyError: '{name}'")
            : throw JinjaError.Type($"'{JinjaOperators.TypeName(mapping)}' object is not subscriptable by names"),
        runtime,
        escapes).Format(format, 2);

    private string Format(string format, int depth)
    {
        if (depth < 0)
        {
            throw JinjaError.Value("Max string recursion exceeded");
        }

        var output = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            var c = format[i];
            if (c is not ('{' or '}'))
            {
                output.Append(c);
            }
            else if (i + 1 < format.Length && format[i + 1] == c)
            {
                output.Append(c);
                i++;
            }
            else if (c == '}' || i + 1 == format.Length)
            {
                throw JinjaError.Value($"Single '{c}' encountered in format string");
            }
            else
            {
                var end = FieldEnd(format, i + 1);
                var text = Field(format[(i + 1)..end], depth);
                runtime.CheckCharacters(output.Length + (long)text.Length, text.Length);
                output.Append(text);
                i = end;
            }
        }

        return runtime.Bound(output.ToString());
    }

    /// <summary>The closing brace of a field; braces inside of it nest, and square brackets hide them.</summary>
    private static int FieldEnd(string format, int i)
    {
        var nesting = 1;
        var inBrackets = false;
        for (; i < format.Length; i++)
        {
            inBrackets = format[i] == '[' || (inBrackets && format[i] != ']');
            nesting += inBrackets ? 0 : format[i] == '{' ? 1 : format[i] == '}' ? -1 : 0;
            if (nesting == 0)
            {
                return i;
            }
        }

        throw JinjaError.Value("expected '}' before end of string");
    }

    private string Field(string field, int depth)
    {
        var (name, conversion, spec) = Split(field);
        var value = Convert(conversion, Lookup(name));
        return Specified(value, Format(spec, depth - 1));
    }

    private static (string Name, string? Conversion, string Spec) Split(string field)
    {
        var inBrackets = false;
        for (var i = 0; i < field.Length; i++)
        {
            inBrackets = field[i] == '[' || (inBrackets && field[i] != ']');
            if (inBrackets || field[i] is not (':' or '!'))
            {
                _ = !inBrackets && field[i] == '{' ? throw JinjaError.Value("unexpected '{' in field name") : 0;
                continue;
            }

            if (field[i] == ':')
            {
                return (field[..i], null, field[(i + 1)..]);
            }

            return i + 1 < field.Length && (i + 2 == field.Length || field[i + 2] == ':')
                ? (field[..i], field[(i + 1)..(i + 2)], i + 2 < field.Length ? field[(i + 3)..] : "")
                : throw JinjaError.Value("expected ':' after conversion specifier");
        }

        return (field, null, "");
    }

    private object? Lookup(string field)
    {
        var end = field.AsSpan().IndexOfAny('.', '[');
        var value = field.Length > 0 && end == 0 ? named("") : First(end < 0 ? field : field[..end]);
        for (var i = end < 0 ? field.Length : end; i < field.Length;)
        {
            var isItem = field[i] == '[';
            if (!isItem && field[i] != '.')
            {
                throw JinjaError.Value("Only '.' or '[' may follow ']' in format field specifier");
            }

            var stop = isItem ? field.IndexOf(']', i) : field.AsSpan(i + 1).IndexOfAny('.', '[') is var at and >= 0 ? i + 1 + at : field.Length;
            if (stop <= i + 1)
            {
                throw JinjaError.Value("Empty attribute in format string");
            }

            var part = field[(i + 1)..stop];
            value = JinjaMarkup.Unwrap(value);
            value = !isItem ? JinjaMembers.GetAttribute(value, part) : JinjaMembers.GetItem(value, Number(part) is { } index ? index : part);
            i = stop + (isItem ? 1 : 0);
        }

        return value;
    }

    private object? First(string name)
    {
        var number = name.Length == 0 ? null : Number(name);
        if (name.Length > 0 && number is null)
        {
            return named(name);
        }

        _numbersItself |= number is null;
        _isNumbered |= number is not null;
        if (_numbersItself && _isNumbered)
        {
            throw JinjaError.Value("cannot switch between manual field specification and automatic field numbering");
        }

        var index = number ?? _next++;
        return index < positional.Count ? positional[(int)index] : throw JinjaError.Other("IndexError: Replacement index out of range for positional args tuple");
    }

    private static long? Number(string text) => text.All(char.IsAsciiDigit) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static object? Convert(string? conversion, object? value) => conversion switch
    {
        null => value,
        "s" => JinjaText.ToText(value),
        "r" => JinjaText.Represent(value),
        "a" => string.Concat(JinjaText.Characters(JinjaText.Represent(value)).Select(c => c[0] > '~' ? JinjaText.Escape(c) : c)),
        _ => throw JinjaError.Value($"Unknown conversion specifier {conversion}"),
    };

    private string Specified(object? value, string spec)
    {
        if (value is JinjaMarkup markup && escapes)
        {
            return spec.Length == 0 ? markup.Text : throw JinjaError.Value("Unsupported format specification for Markup.");
        }

        var text = JinjaFormatSpec.Apply(JinjaMarkup.Unwrap(value), spec, runtime);
        return escapes ? JinjaMarkup.Escape(text) : text;
    }
}
