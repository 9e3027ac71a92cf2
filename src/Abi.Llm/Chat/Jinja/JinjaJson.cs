using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary><c>tojson</c> as Hugging Face defines it for chat templates: Python's <c>json.dumps</c>, non-ASCII kept, nothing escaped for HTML.</summary>
internal sealed class JinjaJson(string? indent, string itemSeparator, string keySeparator, bool ensureAscii, bool sortKeys, JinjaRuntime runtime)
{
    private readonly StringBuilder _output = new();

    public static string Write(object? value, JinjaArguments arguments)
    {
        var indent = arguments.Get(1, "indent", null) ?? arguments.Get(0, "indent", null);
        var ensureAscii = arguments.Named.TryGetValue("ensure_ascii", out var ascii) && JinjaOperators.IsTrue(ascii);
        var sortKeys = arguments.Named.TryGetValue("sort_keys", out var sort) && JinjaOperators.IsTrue(sort);
        var indentText = indent switch { null => null, string text => text, _ => new string(' ', (int)Math.Clamp(JinjaNumbers.ToInteger(indent, "tojson"), 0, 1000)) };
        var (items, keys) = (indentText is null ? ", " : ",", ": ");
        if (arguments.Named.TryGetValue("separators", out var separators) && separators is JinjaList { Count: 2 } pair)
        {
            (items, keys) = (JinjaText.ToText(pair[0]), JinjaText.ToText(pair[1]));
        }

        var writer = new JinjaJson(indentText, items, keys, ensureAscii, sortKeys, arguments.Runtime);
        writer.Write(value, 0);
        return arguments.Runtime.Bound(writer._output.ToString());
    }

    private void Write(object? value, int depth)
    {
        runtime.Step();
        runtime.CheckCharacters(_output.Length);
        if (depth > runtime.Limits.Depth)
        {
            throw new JinjaException(JinjaErrorKind.Limit, "A value is nested too deeply for JSON.");
        }

        switch (value)
        {
            case null: _output.Append("null"); break;
            case bool flag: _output.Append(flag ? "true" : "false"); break;
            case long number: _output.Append(number.ToString(CultureInfo.InvariantCulture)); break;
            case double number: _output.Append(double.IsNaN(number) ? "NaN" : double.IsInfinity(number) ? number > 0 ? "Infinity" : "-Infinity" : JinjaText.Float(number)); break;
            case string text: Quote(text); break;
            case JinjaMarkup markup: Quote(markup.Text); break;
            case JinjaList list:
                WriteMany('[', ']', list, depth, item => Write(item, depth + 1));
                break;
            case JinjaDictionary dictionary:
                IEnumerable<KeyValuePair<object?, object?>> entries = dictionary.Entries;
                entries = sortKeys ? entries.OrderBy(entry => JinjaText.ToText(entry.Key), StringComparer.Ordinal) : entries;
                WriteMany('{', '}', entries, depth, entry =>
                {
                    Quote(entry.Key switch { string text => text, null => "null", bool flag => flag ? "true" : "false", var other => JinjaText.ToText(other) });
                    _output.Append(keySeparator);
                    Write(entry.Value, depth + 1);
                });
                break;
            case JinjaUndefined undefined: throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: Object of type Undefined is not JSON serializable ({undefined.Message})");
            default: throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: Object of type {JinjaOperators.TypeName(value)} is not JSON serializable");
        }
    }

    private void WriteMany<T>(char open, char close, IEnumerable<T> items, int depth, Action<T> write)
    {
        _output.Append(open);
        var isFirst = true;
        foreach (var item in items)
        {
            _output.Append(isFirst ? "" : itemSeparator);
            isFirst = false;
            NewLine(depth + 1);
            write(item);
        }

        if (!isFirst)
        {
            NewLine(depth);
        }

        _output.Append(close);
    }

    private void NewLine(int depth)
    {
        if (indent is null)
        {
            return;
        }

        _output.Append('\n');
        for (var i = 0; i < depth; i++)
        {
            _output.Append(indent);
        }
    }

    private void Quote(string text)
    {
        _output.Append('"');
        foreach (var c in text)
        {
            switch (c)
            {
                case '"': _output.Append("\\\""); break;
                case '\\': _output.Append("\\\\"); break;
                case '\n': _output.Append("\\n"); break;
                case '\r': _output.Append("\\r"); break;
                case '\t': _output.Append("\\t"); break;
                case '\b': _output.Append("\\b"); break;
                case '\f': _output.Append("\\f"); break;
                default:
                    _ = c < ' ' || (ensureAscii && c > '~') ? _output.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}") : _output.Append(c);
                    break;
            }
        }

        _output.Append('"');
    }
}
