using System.Collections;
using Microsoft.Extensions.Configuration;

namespace Abi;

/// <summary>
/// The configuration of all features: the section <c>Abi</c> of the program's configuration, overlaid with <c>ABI_*</c> variables. Read when a
/// feature is created; later changes of the configuration do not reach running features.
/// </summary>
internal sealed class AbiConfiguration(IConfiguration? configuration, IDictionary environment)
{
    internal const string Root = "Abi";

    /// <summary>The key that turns a feature off without a new build; no option may have this name.</summary>
    internal const string Enabled = "Enabled";

    internal static string EnabledKey(string feature) => $"{Root}:{feature}:{Enabled}";

    /// <summary>The feature's options as one section with the path <c>Abi:Feature</c>, without <see cref="Enabled"/>, and the variables that set keys of it.</summary>
    internal IConfigurationSection OptionsOf(string feature, out IReadOnlyDictionary<string, string> variables)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        var sources = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var path = $"{Root}:{feature}";
        if (configuration is not null)
        {
            foreach (var (key, value) in configuration.GetSection(path).AsEnumerable(makePathsRelative: true))
            {
                if (key.Length > 0 && value is not null)
                {
                    values[$"{path}:{key}"] = value;
                }
            }
        }

        foreach (var (key, variable, value) in EnvironmentOptionSource.Read(environment, feature))
        {
            values[$"{path}:{key}"] = value;
            sources[$"{path}:{key}"] = variable;
        }

        values.Remove(EnabledKey(feature));
        variables = sources;
        return new ConfigurationBuilder().AddInMemoryCollection(values).Build().GetSection(path);
    }

    /// <summary>Whether the feature may be used; <paramref name="source"/> is the key or variable that decided.</summary>
    internal bool IsEnabled(string feature, out string source)
    {
        source = EnabledKey(feature);
        var value = configuration?[source];
        foreach (var (key, variable, text) in EnvironmentOptionSource.Read(environment, feature))
        {
            if (key.Equals(Enabled, StringComparison.OrdinalIgnoreCase))
            {
                (source, value) = (variable, text);
            }
        }

        if (string.IsNullOrEmpty(value))
        {
            return true;
        }

        return bool.TryParse(value, out var enabled)
            ? enabled
            : throw new AbiOptionsException(feature, [EnabledKey(feature)], $"{source} is '{value}', but true or false was expected. Correct it or remove it.");
    }
}
