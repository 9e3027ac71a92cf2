namespace Abi.Llm.Chat.Jinja;

/// <summary>A string that <c>safe</c> or <c>escape</c> marked: what is added to it is escaped for HTML first, as markupsafe does.</summary>
internal sealed record JinjaMarkup(string Text)
{
    public static object? Unwrap(object? value) => value is JinjaMarkup markup ? markup.Text : value;

    /// <summary>Strings, also those in a list or tuple, marked.</summary>
    public static object? Wrap(object? value) => value switch
    {
        string text => new JinjaMarkup(text),
        JinjaList list => new JinjaList(list.Select(Wrap), list.IsTuple),
        _ => value,
    };

    public static string Escape(object? value) => value is JinjaMarkup markup
        ? markup.Text
        : JinjaText.ToText(value).Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace(">", "&gt;", StringComparison.Ordinal).Replace("'", "&#39;", StringComparison.Ordinal).Replace("\"", "&#34;", StringComparison.Ordinal);

    /// <summary>The operators that keep the mark; null where it does not matter.</summary>
    public static object? Calculate(string operation, object? left, object? right, JinjaRuntime runtime) => (operation, left, right) switch
    {
        ("+", JinjaMarkup or string, JinjaMarkup or string) => new JinjaMarkup(runtime.Bound(Escape(left) + Escape(right))),
        ("*", JinjaMarkup, _) or ("*", _, JinjaMarkup) => Wrap(JinjaOperators.Calculate(operation, Unwrap(left), Unwrap(right), runtime)),
        ("%", JinjaMarkup format, _) => new JinjaMarkup(JinjaFormat.Percent(format.Text, right, runtime, escapes: true)),
        _ => null,
    };
}
