namespace Abi.Llm.Chat.Jinja;

/// <summary>The arguments of a call, and the rendering that it happens in. Built-in functions see them in the order of their <see cref="JinjaSignature"/>.</summary>
internal sealed record JinjaArguments(string Function, JinjaRuntime Runtime, IReadOnlyList<object?> Positional, OrderedDictionary<string, object?> Named)
{
    public static OrderedDictionary<string, object?> NoNames { get; } = [];

    public object? this[int index] => JinjaMarkup.Unwrap(Positional[index]);

    public bool Has(int index) => Positional[index] != JinjaSignature.Absent;

    public object? Get(int index, object? fallback) => Has(index) ? this[index] : fallback;

    /// <summary>The argument with the mark of <c>safe</c>, if it has one.</summary>
    public object? GetMarked(int index, object? fallback) => Has(index) ? Positional[index] : fallback;

    /// <summary>An argument made a string, as <c>str(x)</c> does.</summary>
    public string Text(int index, string fallback = "") => JinjaText.ToText(Get(index, fallback));

    /// <summary>An argument that must be a string.</summary>
    public string RequireText(int index, string? fallback = null) => Get(index, fallback) switch
    {
        string text => text,
        JinjaUndefined undefined => throw JinjaError.Type($"{Function}() argument must be str, not Undefined ({undefined.Message})"),
        var other => throw JinjaError.Type($"{Function}() argument must be str, not {JinjaOperators.TypeName(other)}"),
    };

    public long Integer(int index, long fallback) => Has(index) ? JinjaNumbers.ToInteger(this[index], Function) : fallback;

    public bool Flag(int index, bool fallback) => Has(index) ? JinjaOperators.IsTrue(this[index]) : fallback;
}
