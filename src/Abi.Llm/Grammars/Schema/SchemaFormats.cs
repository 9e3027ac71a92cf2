using System.Collections.Concurrent;
using Abi.Llm.Grammars.Regular;

namespace Abi.Llm.Grammars.Schema;

/// <summary>The formats of strings as expressions; every text that one matches is of the format, and usual texts of the format are matched.</summary>
internal static class SchemaFormats
{
    private const string Date =
        "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
        + "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29)";

    private const string Time = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
    private const string Label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
    private const string Octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    private const string Hex = "[0-9a-fA-F]";
    private const string UriRest = "[a-zA-Z0-9._~!$&'()*+,;=:@/-]*(?:\\?[a-zA-Z0-9._~!$&'()*+,;=:@/?-]*)?(?:#[a-zA-Z0-9._~!$&'()*+,;=:@/?-]*)?";
    private const string Host = Label + "(?:\\." + Label + ")*";

    private static readonly Dictionary<string, string> Expressions = new(StringComparer.Ordinal)
    {
        ["date"] = Date,
        ["time"] = Time,
        ["date-time"] = Date + "T" + Time,
        ["duration"] = "P(?:[0-9]{1,6}W|(?:[0-9]{1,6}Y(?:[0-9]{1,6}M(?:[0-9]{1,6}D)?)?|[0-9]{1,6}M(?:[0-9]{1,6}D)?|[0-9]{1,6}D)(?:T(?:[0-9]{1,6}H(?:[0-9]{1,6}M(?:[0-9]{1,6}S)?)?|[0-9]{1,6}M(?:[0-9]{1,6}S)?|[0-9]{1,6}S))?"
            + "|T(?:[0-9]{1,6}H(?:[0-9]{1,6}M(?:[0-9]{1,6}S)?)?|[0-9]{1,6}M(?:[0-9]{1,6}S)?|[0-9]{1,6}S))",
        ["email"] = "[a-zA-Z0-9_%+-]+(?:\\.[a-zA-Z0-9_%+-]+)*@" + Label + "(?:\\." + Label + ")+",
        ["hostname"] = Label + "(?:\\." + Label + "){0,2}",
        ["ipv4"] = Octet + "(?:\\." + Octet + "){3}",
        ["ipv6"] = "(?:" + Hex + "{1,4}(?::" + Hex + "{1,4}){7}|::(?:" + Hex + "{1,4}(?::" + Hex + "{1,4}){0,5})?|" + Hex + "{1,4}(?::" + Hex + "{1,4}){0,2}::(?:" + Hex + "{1,4}(?::" + Hex + "{1,4}){0,2})?)",
        ["uri"] = "[a-z][a-z0-9+.-]*://" + Host + "(?::[0-9]{1,4})?(?:/" + UriRest + ")?",
        ["uri-reference"] = "(?:[a-z][a-z0-9+.-]*://" + Host + ")?/" + UriRest,
        ["uuid"] = Hex + "{8}-" + Hex + "{4}-" + Hex + "{4}-" + Hex + "{4}-" + Hex + "{12}",
        ["json-pointer"] = "(?:/(?:[^~/]|~[01])*)*",
        ["relative-json-pointer"] = "(?:0|[1-9][0-9]{0,5})(?:#|(?:/(?:[^~/]|~[01])*)*)",
    };

    private static readonly ConcurrentDictionary<string, Dfa> Made = new(StringComparer.Ordinal);

    public static string Known => string.Join(", ", Names);

    private static IEnumerable<string> Names => Expressions.Keys.Concat(["iri", "iri-reference", "idn-email", "idn-hostname", "uuid1 … uuid5"]);

    /// <summary>The automaton of a format, or null.</summary>
    public static Dfa? Find(string name)
    {
        var key = name switch
        {
            "iri" or "iri-reference" => "uri" + name[3..], // every URI is an IRI
            "idn-email" => "email",
            "idn-hostname" => "hostname",
            "uuid1" or "uuid2" or "uuid3" or "uuid4" or "uuid5" => "uuid",
            _ => name,
        };
        return Expressions.TryGetValue(key, out var expression) ? Made.GetOrAdd(key, _ => Dfa.Of(RegexParser.Parse(expression), isSearch: false)) : null;
    }
}
