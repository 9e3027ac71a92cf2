namespace Abi.Llm.Chat.Jinja;

/// <summary>The arguments of a call, and the rendering that it happens in.</summary>
internal sealed record JinjaArguments(string Function, JinjaRuntime Runtime, IReadOnlyList<object?> Positional, IReadOnlyDictionary<string, object?> Named)
{
    private static readonly Dictionary<string, object?> NoNames = [];

    public static JinjaArguments Of(string function, JinjaRuntime runtime, params object?[] positional) => new(function, runtime, positional, NoNames);

    public bool Has(int index, string name) => index < Positional.Count || Named.ContainsKey(name);

    public object? Get(int index, string name, object? fallback) =>
        JinjaMarkup.Unwrap(GetMarked(index, name, fallback));

    /// <summary>The argument with the mark of <c>safe</c>, if it has one.</summary>
    public object? GetMarked(int index, string name, object? fallback) =>
        index < Positional.Count ? Positional[index] : Named.TryGetValue(name, out var value) ? value : fallback;

    public object? Require(int index, string name) => Has(index, name)
        ? Get(index, name, null)
        : throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: {Function}() missing required argument: '{name}'");

    public string Text(int index, string name, string fallback) => Get(index, name, fallback) switch
    {
        string text => text,
        JinjaUndefined undefined => throw undefined.Error(),
        var other => JinjaText.ToText(other),
    };

    public string RequireText(int index, string name) => Require(index, name) is string text
        ? text
        : throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: {Function}() argument '{name}' must be a string");

    public long Integer(int index, string name, long fallback) => JinjaNumbers.ToInteger(Get(index, name, fallback), Function);

    public bool Flag(int index, string name, bool fallback) => JinjaOperators.IsTrue(Get(index, name, fallback));
}
