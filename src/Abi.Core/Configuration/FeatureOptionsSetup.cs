using System.Reflection;
using Microsoft.Extensions.Options;

namespace Abi;

/// <summary>
/// Makes the options of one feature in the documented order: code defaults, section <c>Abi:Feature</c>, <c>ABI_FEATURE_*</c> variables, then the
/// code given to <c>AddFeature</c>; later wins. This step is the middle two, and the check at the end.
/// </summary>
internal sealed class FeatureOptionsSetup<TFeature, TOptions>(FeatureDefinition<TFeature, TOptions> definition, AbiConfiguration configuration)
    : IConfigureOptions<TOptions>, IValidateOptions<TOptions>
    where TFeature : class, IAbiFeature
    where TOptions : class, new()
{
    private IReadOnlyDictionary<string, string> _variables = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    public void Configure(TOptions options)
    {
        var section = configuration.OptionsOf(definition.Name, out _variables);
        try
        {
            definition.Bind(section, options);
        }
        catch (Exception error) when (error is InvalidOperationException or FormatException or ArgumentException or TargetInvocationException)
        {
            // The binder's message has the key's path and the type that was expected; a variable has to be named by us.
            var variable = _variables.FirstOrDefault(entry => error.Message.Contains($"'{entry.Key}'", StringComparison.OrdinalIgnoreCase));
            var origin = variable.Value is null ? "" : $" It was set by the variable {variable.Value}.";
            throw new AbiOptionsException(definition.Name, variable.Key is null ? [] : [variable.Key], $"An option of '{definition.Name}' cannot be read: {error.Message}{origin}", error);
        }
    }

    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        var check = new OptionsCheck($"{AbiConfiguration.Root}:{definition.Name}", _variables);
        definition.Validate?.Invoke(options, check);
        return check.Failures.Count == 0
            ? ValidateOptionsResult.Success
            : throw new AbiOptionsException(definition.Name, check.Keys, string.Join(Environment.NewLine, check.Failures));
    }
}
