namespace Abi.Llm.Chat.Jinja;

/// <summary>The tests behind <c>is</c>.</summary>
internal static class JinjaTests
{
    private static readonly Dictionary<string, JinjaTest> Tests = new(StringComparer.Ordinal)
    {
        ["boolean"] = (value, _) => value is bool,
        ["callable"] = (value, _) => value is JinjaCallable or JinjaLoop,
        ["defined"] = (value, _) => value is not JinjaUndefined,
        ["undefined"] = (value, _) => value is JinjaUndefined,
        ["none"] = (value, _) => value is null,
        ["true"] = (value, _) => value is true,
        ["false"] = (value, _) => value is false,
        ["integer"] = (value, _) => value is long,
        ["float"] = (value, _) => value is double,
        ["number"] = (value, _) => value is long or double or bool,
        ["string"] = (value, _) => value is string,
        ["mapping"] = (value, _) => value is JinjaDictionary,
        ["sequence"] = (value, _) => value is string or JinjaList or JinjaDictionary or JinjaUndefined,
        ["iterable"] = (value, _) => value is string or JinjaList or JinjaDictionary or JinjaUndefined,
        ["escaped"] = (_, _) => false,
        ["odd"] = (value, _) => JinjaNumbers.ToInteger(value, "odd") % 2 != 0,
        ["even"] = (value, _) => JinjaNumbers.ToInteger(value, "even") % 2 == 0,
        ["divisibleby"] = (value, a) => a.Integer(0, "num", 0) is var divisor and not 0 && JinjaNumbers.ToInteger(value, "divisibleby") % divisor == 0,
        ["lower"] = (value, _) => JinjaText.ToText(value) is var text && text.Any(char.IsLetter) && !text.Any(char.IsUpper),
        ["upper"] = (value, _) => JinjaText.ToText(value) is var text && text.Any(char.IsLetter) && !text.Any(char.IsLower),
        ["in"] = (value, a) => JinjaOperators.Contains(a.Require(0, "seq"), value),
        ["sameas"] = (value, a) => ReferenceEquals(value, a.Require(0, "other")) || (value is null or bool or long && JinjaOperators.AreEqual(value, a.Require(0, "other")) && value?.GetType() == a.Require(0, "other")?.GetType()),
        ["filter"] = (value, _) => value is string name && JinjaFilters.Find(name) is not null,
        ["test"] = (value, _) => value is string name && Find(name) is not null,
        ["eq"] = (value, a) => JinjaOperators.AreEqual(value, a.Require(0, "other")),
        ["ne"] = (value, a) => !JinjaOperators.AreEqual(value, a.Require(0, "other")),
        ["lt"] = (value, a) => JinjaOperators.Compare(value, a.Require(0, "other"), "<") < 0,
        ["le"] = (value, a) => JinjaOperators.Compare(value, a.Require(0, "other"), "<=") <= 0,
        ["gt"] = (value, a) => JinjaOperators.Compare(value, a.Require(0, "other"), ">") > 0,
        ["ge"] = (value, a) => JinjaOperators.Compare(value, a.Require(0, "other"), ">=") >= 0,
    };

    private static readonly Dictionary<string, string> Aliases = new(StringComparer.Ordinal)
    {
        ["equalto"] = "eq", ["=="] = "eq", ["!="] = "ne", ["<"] = "lt", ["lessthan"] = "lt", ["<="] = "le", [">"] = "gt", ["greaterthan"] = "gt", [">="] = "ge",
    };

    public static JinjaTest? Find(string name) => Tests.GetValueOrDefault(Aliases.GetValueOrDefault(name, name));
}
