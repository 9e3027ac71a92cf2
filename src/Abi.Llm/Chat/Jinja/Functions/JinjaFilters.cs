namespace Abi.Llm.Chat.Jinja;

/// <summary>The filters, by name. Their work is in the other parts: text, numbers, lists.</summary>
internal static partial class JinjaFilters
{
    private static readonly Dictionary<string, JinjaFilter> Filters = new(StringComparer.Ordinal)
    {
        ["abs"] = new("", (value, _) => Absolute(value)),
        ["attr"] = new("name", (value, a) => JinjaMembers.GetAttributeOnly(value, a.RequireText(0))),
        ["batch"] = new("linecount fill_with?", (value, a) => new JinjaIterator(Batch(value, a))),
        ["capitalize"] = new("", (value, _) => OnText(value, JinjaUnicode.Capitalize)),
        ["center"] = new("width?", (value, a) => OnText(value, text => JinjaStringMethods.Center(text, a.Integer(0, 80), " ", a.Runtime))),
        ["count"] = new("/", (value, _) => JinjaOperators.Length(value)),
        ["d"] = new("default_value? boolean?", Default),
        ["default"] = new("default_value? boolean?", Default),
        ["dictsort"] = new("case_sensitive? by? reverse?", DictionarySort),
        ["e"] = new("/", (value, _) => new JinjaMarkup(JinjaMarkup.Escape(value))),
        ["escape"] = new("/", (value, _) => new JinjaMarkup(JinjaMarkup.Escape(value))),
        ["filesizeformat"] = new("binary?", (value, a) => FileSize(value, a.Flag(0, false))),
        ["first"] = new("", First),
        ["float"] = new("default?", ToFloat),
        ["forceescape"] = new("", (value, _) => new JinjaMarkup(JinjaMarkup.Escape(JinjaText.ToText(value)))),
        ["format"] = new("* **", Format),
        ["groupby"] = new("attribute default? case_sensitive?", GroupBy),
        ["indent"] = new("width? first? blank?", Indent),
        ["int"] = new("default? base?", ToInteger),
        ["items"] = new("", (value, _) => new JinjaIterator(Items(value))),
        ["join"] = new("d? attribute?", Join),
        ["last"] = new("", Last),
        ["length"] = new("/", (value, _) => JinjaOperators.Length(value)),
        ["list"] = new("", (value, a) => new JinjaList(JinjaOperators.ToList(value, a.Runtime))),
        ["lower"] = new("", (value, _) => OnText(value, JinjaUnicode.Lower)),
        ["map"] = new("* **", (value, a) => new JinjaIterator(Map(value, a))),
        ["max"] = new("case_sensitive? attribute?", (value, a) => Extreme(value, a, ">")),
        ["min"] = new("case_sensitive? attribute?", (value, a) => Extreme(value, a, "<")),
        ["pprint"] = new("", (value, _) => JinjaPrettyPrinter.Print(value)),
        ["random"] = new("", (_, _) => throw JinjaError.Other("random chooses by chance and is not available in chat templates")),
        ["reject"] = new("* **", (value, a) => new JinjaIterator(Select(value, a, byAttribute: false, keep: false))),
        ["rejectattr"] = new("* **", (value, a) => new JinjaIterator(Select(value, a, byAttribute: true, keep: false))),
        ["replace"] = new("old new count?", Replace),
        ["reverse"] = new("", Reverse),
        ["round"] = new("precision? method?", Round),
        ["safe"] = new("", (value, _) => new JinjaMarkup(JinjaText.ToText(value))),
        ["select"] = new("* **", (value, a) => new JinjaIterator(Select(value, a, byAttribute: false, keep: true))),
        ["selectattr"] = new("* **", (value, a) => new JinjaIterator(Select(value, a, byAttribute: true, keep: true))),
        ["slice"] = new("slices fill_with?", (value, a) => new JinjaIterator(Slice(value, a))),
        ["sort"] = new("reverse? case_sensitive? attribute?", Sort),
        ["string"] = new("", (value, _) => OnText(value, text => text)),
        ["striptags"] = new("", (value, _) => JinjaHtml.StripTags(JinjaText.ToText(value))),
        ["sum"] = new("attribute? start?", Sum),
        ["title"] = new("", (value, _) => Title(JinjaText.ToText(value))),
        ["tojson"] = new("ensure_ascii? indent? separators? sort_keys?", JinjaJson.Write),
        ["trim"] = new("chars?", (value, a) => OnText(value, text => JinjaStringMethods.Strip(text, a.Get(0, null), start: true, end: true))),
        ["truncate"] = new("length? killwords? end? leeway?", Truncate),
        ["unique"] = new("case_sensitive? attribute?", (value, a) => new JinjaIterator(Unique(value, a))),
        ["upper"] = new("", (value, _) => OnText(value, JinjaUnicode.Upper)),
        ["urlencode"] = new("", (value, a) => JinjaHtml.UrlEncode(value, a.Runtime)),
        ["urlize"] = new("trim_url_limit? nofollow? target? rel? extra_schemes?", JinjaUrlizer.Urlize),
        ["wordcount"] = new("", (value, _) => WordCount(JinjaText.ToText(value))),
        ["wordwrap"] = new("width? break_long_words? wrapstring? break_on_hyphens?", JinjaWordWrap.Wrap),
        ["xmlattr"] = new("autospace?", JinjaHtml.XmlAttributes),
    };

    public static JinjaFilter? Find(string name) => Filters.GetValueOrDefault(name);

    /// <summary>Changes a value's text; a marked string stays marked.</summary>
    private static object OnText(object? value, Func<string, string> change)
    {
        var text = change(JinjaText.ToText(value));
        return value is JinjaMarkup ? new JinjaMarkup(text) : text;
    }

    private static object? Default(object? value, JinjaArguments arguments) =>
        value is JinjaUndefined || (arguments.Flag(1, false) && !JinjaOperators.IsTrue(value)) ? arguments.GetMarked(0, "") : value;
}
