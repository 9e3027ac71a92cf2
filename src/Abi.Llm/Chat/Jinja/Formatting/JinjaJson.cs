using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary><c>tojson</c> as Hugging Face defines it for chat templates: Python's <c>json.dumps</c>, non-ASCII kept, nothing escaped for HTML.</summary>
internal sealed class JinjaJson(string? indent, string itemSeparator, string keySeparator, bool ensureAscii, bool sortKeys, JinjaRuntime runtime)
{
    private readonly StringBuilder _output = new();

    public static string Write(object? value, JinjaArguments arguments)
    {
        var indent = arguments.Get(1, null) switch
        {
            null => null,
            string text => text,
            var width => JinjaOperators.Calculate("*", " ", JinjaNumbers.ToInteger(width, "tojson"), arguments.Runtime) as string,
        };
        var (items, keys) = (indent is null ? ", " : ",", ": ");
        if (arguments.Get(2, null) is { } separators)
        {
            var pair = JinjaOperators.ToList(separators, arguments.Runtime);
            (items, keys) = pair.Count == 2
                ? (JinjaText.ToText(pair[0]), JinjaText.ToText(pair[1]))
                : throw JinjaError.Value("separators are not two");
        }

        var writer = new JinjaJson(indent, items, keys, arguments.Flag(0, false), arguments.Flag(3, false), arguments.Runtime);
        writer.Write(value, 0);
        return arguments.Runtime.Bound(writer._output.ToString());
    }

    private void Write(object? value, int depth)
    {
        JinjaRuntime.Descend();
        JinjaRuntime.CheckText(_output.Length);
        switch (value)
        {
            case null: _output.Append("null"); break;
            case bool flag: _output.Append(flag ? "true" : "false"); break;
            case double number: _output.Append(Float(number)); break;
            case string text: Quote(text); break;
            case JinjaMarkup markup: Quote(markup.Text); break;
            case JinjaList list:
                WriteMany('[', ']', list, depth, item => Write(item, depth + 1));
                break;
            case JinjaDictionary dictionary:
                WriteMany('{', '}', Entries(dictionary), depth, entry =>
                {
                    Quote(Key(entry.Key));
                    _output.Append(keySeparator);
                    Write(entry.Value, depth + 1);
                });
                break;
            case JinjaUndefined undefined: throw JinjaError.Type($"Object of type Undefined is not JSON serializable ({undefined.Message})");
            default:
                _output.Append(JinjaNumbers.IsInteger(value) ? JinjaNumbers.Text(value) : throw JinjaError.Type($"Object of type {JinjaOperators.TypeName(value)} is not JSON serializable"));
                break;
        }
    }

    private IEnumerable<KeyValuePair<object?, object?>> Entries(JinjaDictionary dictionary)
    {
        if (!sortKeys)
        {
            return dictionary.Entries;
        }

        var pairs = new JinjaList(new JinjaView("items", dictionary).Items());
        return JinjaSorting.Sort(pairs, pair => ((JinjaList)pair!)[0], reverse: false, runtime).Select(pair => KeyValuePair.Create(((JinjaList)pair!)[0], ((JinjaList)pair)[1]));
    }

    private static string Float(double number) => double.IsNaN(number) ? "NaN" : double.IsInfinity(number) ? number > 0 ? "Infinity" : "-Infinity" : JinjaDecimal.Shortest(number);

    private static string Key(object? key) => JinjaMarkup.Unwrap(key) switch
    {
        string text => text,
        null => "null",
        bool flag => flag ? "true" : "false",
        double number => Float(number),
        var other => JinjaNumbers.IsInteger(other) ? JinjaNumbers.Text(other) : throw JinjaError.Type($"keys must be str, int, float, bool or None, not {JinjaOperators.TypeName(other)}"),
    };

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
            JinjaRuntime.CheckText(_output.Length);
        }
    }

    private void Quote(string text)
    {
        _output.Append('"');
        foreach (var c in text)
        {
            _ = c switch
            {
                '"' => _output.Append("\\\""),
                '\\' => _output.Append("\\\\"),
                '\n' => _output.Append("\\n"),
                '\r' => _output.Append("\\r"),
                '\t' => _output.Append("\\t"),
                '\b' => _output.Append("\\b"),
                '\f' => _output.Append("\\f"),
                _ => c < ' ' || (ensureAscii && c > '~') ? _output.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}") : _output.Append(c),
            };
        }

        _output.Append('"');
    }
}
