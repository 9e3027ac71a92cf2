namespace Abi.Llm.Chat.Jinja;

/// <summary>A string that <c>safe</c> or <c>escape</c> marked: what is added to it is escaped for HTML first, as markupsafe does. Everything else sees a plain string.</summary>
internal sealed record JinjaMarkup(string Text)
{
    public static object? Unwrap(object? value) => value is JinjaMarkup markup ? markup.Text : value;

    public static JinjaMarkup Join(object? left, object? right) => new(Escape(left) + Escape(right));

    public static string Escape(object? value) => value is JinjaMarkup markup
        ? markup.Text
        : JinjaText.ToText(value).Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace(">", "&gt;", StringComparison.Ordinal).Replace("'", "&#39;", StringComparison.Ordinal).Replace("\"", "&#34;", StringComparison.Ordinal);
}
