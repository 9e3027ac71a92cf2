namespace Abi.Llm.Chat.Jinja;

/// <summary>The methods that look for parts of a string; positions count code points.</summary>
internal static partial class JinjaStringMethods
{
    private static object? Find(string text, JinjaArguments arguments, bool fromEnd)
    {
        var part = arguments.RequireText(0);
        if (Range(text, arguments) is not var (start, range))
        {
            return -1L;
        }

        var at = fromEnd ? JinjaText.LastIndexOf(range, part) : JinjaText.IndexOf(range, part);
        return at < 0 ? -1L : start + JinjaText.Length(range[..at]);
    }

    private static object? Found(object? position) => position is -1L ? throw JinjaError.Value("substring not found") : position;

    private static long Count(string text, JinjaArguments arguments)
    {
        var part = arguments.RequireText(0);
        if (Range(text, arguments) is not var (_, range))
        {
            return 0;
        }

        if (part.Length == 0)
        {
            return JinjaText.Length(range) + 1;
        }

        JinjaRuntime.Search(range, part);
        long count = 0;
        for (var i = range.IndexOf(part, StringComparison.Ordinal); i >= 0; i = range.IndexOf(part, i + part.Length, StringComparison.Ordinal))
        {
            count++;
        }

        return count;
    }

    private static bool Affix(string text, JinjaArguments arguments, Func<string, string, bool> holds)
    {
        IEnumerable<object?> affixes = arguments[0] switch
        {
            string affix => [affix],
            JinjaList { IsTuple: true } tuple => tuple,
            var other => throw JinjaError.Type($"{arguments.Function} first arg must be str or a tuple of str, not {JinjaOperators.TypeName(other)}"),
        };
        var range = Range(text, arguments);
        return affixes.Any(affix => (JinjaMarkup.Unwrap(affix) as string ?? throw JinjaError.Type($"tuple for {arguments.Function} must only contain str")) is var part
            && range is not null && holds(range.Value.Text, part));
    }

    /// <summary>The part between the second and third argument, and where it starts; null where it starts behind the end.</summary>
    private static (long Start, string Text)? Range(string text, JinjaArguments arguments)
    {
        if (arguments.Get(1, null) is null && arguments.Get(2, null) is null)
        {
            return (0, text);
        }

        var length = JinjaText.Length(text);
        var (start, end) = (Bound(arguments.Get(1, null) ?? 0L), Bound(arguments.Get(2, null) ?? (long)length));
        if (start > Math.Min(end, length))
        {
            return null;
        }

        var from = JinjaText.Offset(text, start);
        return (start, text[from..(from + JinjaText.Offset(text[from..], end - start))]);

        long Bound(object? index) => JinjaNumbers.ToInteger(index, "slice indices") is var i && i < 0 ? Math.Max(i + length, 0) : i;
    }
}
