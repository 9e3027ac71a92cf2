namespace Abi.Llm.Chat.Jinja;

/// <summary>The tests behind <c>is</c>.</summary>
internal static class JinjaTests
{
    private static readonly Dictionary<string, JinjaTest> Tests = new(StringComparer.Ordinal)
    {
        ["boolean"] = new("", (value, _) => value is bool),
        ["callable"] = new("", (value, _) => value is JinjaCallable or JinjaMacro or JinjaLoop or JinjaUndefined),
        ["defined"] = new("", (value, _) => value is not JinjaUndefined),
        ["undefined"] = new("", (value, _) => value is JinjaUndefined),
        ["none"] = new("", (value, _) => value is null),
        ["true"] = new("", (value, _) => value is true),
        ["false"] = new("", (value, _) => value is false),
        ["integer"] = new("", (value, _) => value is not bool && JinjaNumbers.IsInteger(value)),
        ["float"] = new("", (value, _) => value is double),
        ["number"] = new("", (value, _) => JinjaNumbers.IsNumber(value)),
        ["string"] = new("", (value, _) => value is string or JinjaMarkup),
        ["mapping"] = new("", (value, _) => value is JinjaDictionary),
        ["sequence"] = new("", (value, _) => value is string or JinjaMarkup or JinjaList or JinjaDictionary or JinjaRange or JinjaUndefined),
        ["iterable"] = new("", (value, _) => value is string or JinjaMarkup or JinjaList or JinjaDictionary or JinjaRange or JinjaView or JinjaIterator or JinjaLoop or JinjaUndefined),
        ["escaped"] = new("", (value, _) => value is JinjaMarkup),
        ["odd"] = new("", (value, a) => JinjaOperators.AreEqual(JinjaOperators.Calculate("%", value, 2L, a.Runtime), 1L)),
        ["even"] = new("", (value, a) => JinjaOperators.AreEqual(JinjaOperators.Calculate("%", value, 2L, a.Runtime), 0L)),
        ["divisibleby"] = new("num", (value, a) => JinjaOperators.AreEqual(JinjaOperators.Calculate("%", value, a[0], a.Runtime), 0L)),
        ["lower"] = new("", (value, _) => JinjaStringMethods.IsLower(JinjaText.ToText(value))),
        ["upper"] = new("", (value, _) => JinjaStringMethods.IsUpper(JinjaText.ToText(value))),
        ["in"] = new("seq", (value, a) => JinjaOperators.Contains(a[0], value)),
        ["sameas"] = new("other", (value, a) => IsSame(value, a[0])),
        ["filter"] = new("", (value, _) => Exists(value, name => JinjaFilters.Find(name) is not null)),
        ["test"] = new("", (value, _) => Exists(value, name => Find(name) is not null)),
        ["eq"] = new("/ other", (value, a) => JinjaOperators.AreEqual(value, a[0])),
        ["ne"] = new("/ other", (value, a) => !JinjaOperators.AreEqual(value, a[0])),
        ["lt"] = new("/ other", (value, a) => JinjaOperators.Holds("<", value, a[0])),
        ["le"] = new("/ other", (value, a) => JinjaOperators.Holds("<=", value, a[0])),
        ["gt"] = new("/ other", (value, a) => JinjaOperators.Holds(">", value, a[0])),
        ["ge"] = new("/ other", (value, a) => JinjaOperators.Holds(">=", value, a[0])),
    };

    private static readonly Dictionary<string, string> Aliases = new(StringComparer.Ordinal)
    {
        ["equalto"] = "eq", ["=="] = "eq", ["!="] = "ne", ["<"] = "lt", ["lessthan"] = "lt", ["<="] = "le", [">"] = "gt", ["greaterthan"] = "gt", [">="] = "ge",
    };

    public static JinjaTest? Find(string name) => Tests.GetValueOrDefault(Aliases.GetValueOrDefault(name, name));

    /// <summary>Whether both are one object; Python keeps one of each small integer and of each constant.</summary>
    private static bool IsSame(object? value, object? other) => ReferenceEquals(value, other)
        || (value is bool or long or double or string && value.GetType() == other?.GetType() && JinjaOperators.AreEqual(value, other));

    /// <summary>Names are looked up in a dictionary, which takes anything that can be hashed.</summary>
    private static bool Exists(object? name, Func<string, bool> exists)
    {
        _ = JinjaOperators.Hash(name ?? "");
        return JinjaMarkup.Unwrap(name) is string text && exists(text);
    }
}
