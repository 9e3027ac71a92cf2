using System.Collections;
using System.Text.RegularExpressions;

namespace Abi;

/// <summary>Reads <c>ABI_*</c> variables as configuration keys of a feature.</summary>
/// <remarks>
/// After <c>ABI_</c> and the feature's name, <c>__</c> goes one level down and any other <c>_</c> only makes the name readable:
/// <c>ABI_LLM_CONTEXT_LENGTH</c> is <c>ContextLength</c> and <c>ABI_LLM_SAMPLING__TOP_K</c> is <c>Sampling:TopK</c> of <c>Abi:Llm</c>. Case does not matter.
/// Variables that Kubernetes sets for a service are none of ours, also where the service is named after a feature (<c>abi-llm</c>).
/// </remarks>
internal static partial class EnvironmentOptionSource
{
    internal const string Prefix = "ABI_";

    /// <summary>The keys below the feature's section with their variables and values, in the order of the variables' names.</summary>
    internal static IEnumerable<(string Key, string Variable, string Value)> Read(IDictionary variables, string feature)
    {
        var prefix = $"{Prefix}{feature}_";
        var found = new List<(string Key, string Variable, string Value)>();
        foreach (DictionaryEntry entry in variables)
        {
            if (entry.Key is string variable && entry.Value is string value && variable.Length > prefix.Length && variable.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)
                && !IsOfService(variable.AsSpan(prefix.Length), value))
            {
                var key = KeyOf(variable.AsSpan(prefix.Length));
                if (key.Length > 0)
                {
                    found.Add((key, variable, value));
                }
            }
        }

        found.Sort((a, b) => StringComparer.Ordinal.Compare(a.Variable, b.Variable));
        return found;
    }

    private static string KeyOf(ReadOnlySpan<char> name)
    {
        var levels = name.Trim('_').ToString().Split("__", StringSplitOptions.RemoveEmptyEntries);
        return string.Join(':', levels.Select(level => level.Replace("_", "", StringComparison.Ordinal)));
    }

    // A port may as well be an option; that of a service is an address such as tcp://10.0.0.11:6379.
    private static bool IsOfService(ReadOnlySpan<char> name, string value) =>
        ServicePattern().IsMatch(name) || ((name is "PORT" || name.EndsWith("_PORT", StringComparison.Ordinal)) && value.Contains("://", StringComparison.Ordinal));

    // The addresses of a service: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
    [GeneratedRegex(@"^(.*_)?(SERVICE_(HOST|PORT(_.*)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex ServicePattern();
}
