using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>The filter <c>pprint</c>: values on lines of at most 80 characters, keys sorted, as Python's <c>pprint</c> lays them out.</summary>
internal sealed class JinjaPrettyPrinter
{
    private const int Width = 80;

    private readonly StringBuilder _output = new();

    public static string Print(object? value)
    {
        var printer = new JinjaPrettyPrinter();
        printer.Write(value, 0, 0, 1);
        return printer._output.ToString();
    }

    /// <summary>A dictionary's entries by key; keys that have no order go by the names of their types.</summary>
    public static List<KeyValuePair<object?, object?>> Sorted(JinjaDictionary dictionary)
    {
        var entries = dictionary.Entries.ToList();
        var areComparable = entries.TrueForAll(entry => JinjaMarkup.Unwrap(entry.Key) is string) || entries.TrueForAll(entry => JinjaNumbers.IsNumber(entry.Key));
        var comparer = Comparer<object?>.Create((a, b) => areComparable || JinjaOperators.TypeName(a) == JinjaOperators.TypeName(b) && a is string or long or double
            ? JinjaOperators.IsLess(a, b) ? -1 : JinjaOperators.IsLess(b, a) ? 1 : 0
            : string.CompareOrdinal(JinjaOperators.TypeName(a), JinjaOperators.TypeName(b)));
        return [.. entries.OrderBy(entry => entry.Key, comparer)];
    }

    private void Write(object? value, int indent, int allowance, int level)
    {
        JinjaRuntime.Descend();
        JinjaRuntime.CheckText(_output.Length);
        var text = JinjaText.Represent(value, sortsKeys: true);
        if (JinjaText.Length(text) <= Width - indent - allowance)
        {
            _output.Append(text);
            return;
        }

        switch (value)
        {
            case JinjaDictionary dictionary: WriteDictionary(dictionary, indent, allowance, level); break;
            case JinjaList { IsGroup: false } list:
                var close = !list.IsTuple ? "]" : list.Count == 1 ? ",)" : ")";
                _output.Append(list.IsTuple ? '(' : '[');
                for (var i = 0; i < list.Count; i++)
                {
                    NewItem(i, indent + 1);
                    Write(list[i], indent + 1, i == list.Count - 1 ? allowance + close.Length : 1, level + 1);
                }

                _output.Append(close);
                break;
            case string { Length: > 0 } words: WriteString(words, indent, allowance, level); break;
            default: _output.Append(text); break;
        }
    }

    private void WriteDictionary(JinjaDictionary dictionary, int indent, int allowance, int level)
    {
        _output.Append('{');
        var i = 0;
        foreach (var (key, value) in Sorted(dictionary))
        {
            NewItem(i++, indent + 1);
            var name = JinjaText.Represent(key, sortsKeys: true);
            _output.Append(name).Append(": ");
            Write(value, indent + 1 + JinjaText.Length(name) + 2, i == dictionary.Count ? allowance + 1 : 1, level + 1);
        }

        _output.Append('}');
    }

    /// <summary>A long string as several literals below each other: by line, and long lines by words.</summary>
    private void WriteString(string text, int indent, int allowance, int level)
    {
        (indent, allowance) = level == 1 ? (indent + 1, allowance + 1) : (indent, allowance);
        List<string> literals = [];
        var lines = JinjaStringMethods.SplitLines(text, keepEnds: true);
        for (var i = 0; i < lines.Count; i++)
        {
            var isLast = i == lines.Count - 1;
            var literal = JinjaText.Represent(lines[i]);
            if (JinjaText.Length(literal) <= Width - indent - (isLast ? allowance : 0))
            {
                literals.Add(literal);
            }
            else
            {
                AddWords(literals, lines[i], Width - indent, isLast ? allowance : 0);
            }
        }

        if (literals.Count == 1)
        {
            _output.Append(literals[0]);
            return;
        }

        _output.Append(level == 1 ? "(" : "");
        for (var i = 0; i < literals.Count; i++)
        {
            _output.Append(i > 0 ? "\n" : "").Append(' ', i > 0 ? indent : 0).Append(literals[i]);
        }

        _output.Append(level == 1 ? ")" : "");
    }

    private static void AddWords(List<string> literals, string line, int width, int allowance)
    {
        var current = "";
        for (var i = 0; i < line.Length;)
        {
            var start = i;
            while (i < line.Length && !JinjaUnicode.IsSpace(line[i]))
            {
                i++;
            }

            while (i < line.Length && JinjaUnicode.IsSpace(line[i]))
            {
                i++;
            }

            var candidate = current + line[start..i];
            if (JinjaText.Length(JinjaText.Represent(candidate)) > width - (i == line.Length ? allowance : 0))
            {
                if (current.Length > 0)
                {
                    literals.Add(JinjaText.Represent(current));
                }

                candidate = line[start..i];
            }

            current = candidate;
        }

        if (current.Length > 0)
        {
            literals.Add(JinjaText.Represent(current));
        }
    }

    private void NewItem(int index, int indent)
    {
        if (index > 0)
        {
            _output.Append(CultureInfo.InvariantCulture, $",\n{new string(' ', indent)}");
        }
    }
}
