using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>What the filters for HTML and URLs do.</summary>
internal static class JinjaHtml
{
    /// <summary>What ends an attribute's name.</summary>
    private static readonly SearchValues<char> NameEnds = SearchValues.Create(" \t\n\r\f\v/>=");

    /// <summary>The text without comments and tags, white space made single spaces, and entities made characters.</summary>
    public static string StripTags(string text)
    {
        text = Without(Without(text, "<!--", "-->"), "<", ">");
        return Unescape(string.Join(' ', JinjaUnicode.Words(text)));
    }

    public static string Unescape(string text) => WebUtility.HtmlDecode(text);

    /// <summary>A value's text, or the pairs of a mapping or list as a query, in percent encoding.</summary>
    public static string UrlEncode(object? value, JinjaRuntime runtime)
    {
        var isList = value is JinjaList or JinjaDictionary or JinjaRange or JinjaView or JinjaIterator or JinjaLoop or JinjaUndefined;
        if (!isList)
        {
            return Quote(value, '/', runtime);
        }

        var query = new StringBuilder();
        foreach (var item in JinjaOperators.ToList(value is JinjaDictionary dictionary ? new JinjaView("items", dictionary) : value, runtime))
        {
            runtime.Write(query, JinjaOperators.ToList(item, runtime) is { Count: 2 } pair
                ? $"{(query.Length > 0 ? "&" : "")}{Quote(pair[0], '+', runtime)}={Quote(pair[1], '+', runtime)}"
                : throw JinjaError.Value("values to unpack are not two"));
        }

        return query.ToString();
    }

    /// <summary>A mapping as attributes of an element.</summary>
    public static object XmlAttributes(object? value, JinjaArguments arguments)
    {
        var dictionary = value as JinjaDictionary ?? throw (value is JinjaUndefined undefined ? undefined.Error() : JinjaError.Other($"AttributeError: '{JinjaOperators.TypeName(value)}' object has no attribute 'items'"));
        var attributes = new StringBuilder();
        foreach (var (key, item) in dictionary.Entries.Where(entry => entry.Value is not (null or JinjaUndefined)))
        {
            var name = JinjaMarkup.Unwrap(key) as string ?? throw JinjaError.Type($"expected string or bytes-like object, got '{JinjaOperators.TypeName(key)}'");
            if (name.AsSpan().ContainsAny(NameEnds))
            {
                throw JinjaError.Value($"Invalid character in attribute name: {JinjaText.Represent(name)}");
            }

            arguments.Runtime.Write(attributes, $"{(attributes.Length > 0 ? " " : "")}{JinjaMarkup.Escape(key)}=\"{JinjaMarkup.Escape(item)}\"");
        }

        var text = attributes.ToString();
        text = arguments.Flag(0, true) && text.Length > 0 ? " " + text : text;
        return arguments.Runtime.EscapesOutput ? new JinjaMarkup(text) : text;
    }

    private static string Without(string text, string open, string close)
    {
        var builder = new StringBuilder();
        var position = 0;
        while (text.IndexOf(open, position, StringComparison.Ordinal) is var start and >= 0 && text.IndexOf(close, start, StringComparison.Ordinal) is var end and >= 0)
        {
            builder.Append(text, position, start - position);
            position = end + close.Length;
        }

        return builder.Append(text, position, text.Length - position).ToString();
    }

    /// <summary>Percent encoding that keeps letters, digits, <c>_.-~</c> and slashes; in a query, slashes go and spaces are pluses.</summary>
    private static string Quote(object? value, char mode, JinjaRuntime runtime)
    {
        var builder = new StringBuilder();
        foreach (var b in Encoding.UTF8.GetBytes(JinjaText.ToText(value)))
        {
            var c = (char)b;
            _ = char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '~' || (c == '/' && mode == '/') ? builder.Append(c)
                : c == ' ' && mode == '+' ? builder.Append('+')
                : builder.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        }

        return runtime.Bound(builder.ToString());
    }
}
