using System.Globalization;
using System.Text;
using Abi.Llm.Grammars.Regular;

namespace Abi.Llm.Grammars.Schema;

/// <summary>Pieces of JSON's text.</summary>
internal static class JsonText
{
    private static readonly CodePointSet Raw = CodePointSet.Of((0x20, 0x21), (0x23, 0x5B), (0x5D, 0x7E), (0x80, 0xD7FF), (0xE000, CodePointSet.Last));

    /// <summary>A character of a set inside a JSON string, raw or escaped; half surrogate pairs cannot be written.</summary>
    public static GrammarNode Character(CodePointSet set)
    {
        List<GrammarNode> options = [];
        if (set.Intersect(Raw) is { IsEmpty: false } raw)
        {
            options.Add(new GrammarNode.Class(raw));
        }

        foreach (var (value, escape) in (ReadOnlySpan<(int, char)>)[('"', '"'), ('\\', '\\'), ('/', '/'), (8, 'b'), (12, 'f'), (10, 'n'), (13, 'r'), (9, 't')])
        {
            if (set.Contains(value))
            {
                options.Add(new GrammarNode.Literal([(byte)'\\', (byte)escape]));
            }
        }

        foreach (var (first, last) in set.Ranges)
        {
            if (first <= 0xFFFF)
            {
                options.Add(new GrammarNode.Sequence([GrammarNode.Text("\\u"), Hex(first, Math.Min(last, 0xFFFF), 4)]));
            }

            if (last > 0xFFFF)
            {
                options.Add(Pairs(Math.Max(first, 0x10000) - 0x10000, last - 0x10000));
            }
        }

        return new GrammarNode.Choice([.. options]);
    }

    /// <summary>A string's text with quotes, as a serializer that escapes no more than it must writes it.</summary>
    public static string Quote(string text)
    {
        var result = new StringBuilder("\"");
        foreach (var c in text)
        {
            result.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                < ' ' or '\u007f' => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => c.ToString(),
            });
        }

        return result.Append('"').ToString();
    }

    /// <summary>Numbers from <paramref name="first"/> to <paramref name="last"/> in so many hexadecimal digits, of either case.</summary>
    private static GrammarNode Hex(int first, int last, int digits)
    {
        if (digits == 0)
        {
            return GrammarNode.Empty;
        }

        var shift = 4 * (digits - 1);
        var mask = (1 << shift) - 1;
        var (low, high) = (first >> shift, last >> shift);
        if (low == high)
        {
            return new GrammarNode.Sequence([Digit(low, low), Hex(first & mask, last & mask, digits - 1)]);
        }

        List<GrammarNode> options = [];
        if ((first & mask) != 0)
        {
            options.Add(new GrammarNode.Sequence([Digit(low, low), Hex(first & mask, mask, digits - 1)]));
            low++;
        }

        var cutsLast = (last & mask) != mask;
        if (low <= (cutsLast ? high - 1 : high))
        {
            options.Add(new GrammarNode.Sequence([Digit(low, cutsLast ? high - 1 : high), Hex(0, mask, digits - 1)]));
        }

        if (cutsLast)
        {
            options.Add(new GrammarNode.Sequence([Digit(high, high), Hex(0, last & mask, digits - 1)]));
        }

        return GrammarNode.Any([.. options]);
    }

    /// <summary>Surrogate pairs of 20-bit numbers.</summary>
    private static GrammarNode Pairs(int first, int last)
    {
        var (low, high) = (first >> 10, last >> 10);
        if (low == high)
        {
            return Pair(low, low, first & 0x3FF, last & 0x3FF);
        }

        List<GrammarNode> options = [];
        if ((first & 0x3FF) != 0)
        {
            options.Add(Pair(low, low, first & 0x3FF, 0x3FF));
            low++;
        }

        var cutsLast = (last & 0x3FF) != 0x3FF;
        if (low <= (cutsLast ? high - 1 : high))
        {
            options.Add(Pair(low, cutsLast ? high - 1 : high, 0, 0x3FF));
        }

        if (cutsLast)
        {
            options.Add(Pair(high, high, 0, last & 0x3FF));
        }

        return GrammarNode.Any([.. options]);

        static GrammarNode Pair(int firstHigh, int lastHigh, int firstLow, int lastLow) => new GrammarNode.Sequence(
            [GrammarNode.Text("\\u"), Hex(0xD800 + firstHigh, 0xD800 + lastHigh, 4), GrammarNode.Text("\\u"), Hex(0xDC00 + firstLow, 0xDC00 + lastLow, 4)]);
    }

    private static GrammarNode.Class Digit(int first, int last)
    {
        List<(int, int)> ranges = [];
        for (var digit = first; digit <= last; digit++)
        {
            int lower = digit < 10 ? '0' + digit : 'a' + digit - 10;
            int upper = digit < 10 ? lower : 'A' + digit - 10;
            ranges.Add((lower, lower));
            ranges.Add((upper, upper));
        }

        return new GrammarNode.Class(CodePointSet.Of([.. ranges]));
    }
}
