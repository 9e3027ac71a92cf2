using System.IO.Enumeration;

namespace Abi.Llm.Hosting;

/// <summary>A rule that leads a request to a model: by its name, or by code that looks at it.</summary>
/// <remarks>Immutable and thread-safe, as far as the code given is.</remarks>
public sealed class ModelRoute
{
    private readonly string? _pattern;
    private readonly Func<ModelRouteContext, string?>? _rule;

    /// <summary>Leads names of a pattern to a model.</summary>
    /// <param name="pattern">The names: <c>*</c> stands for any characters, <c>?</c> for one; case does not matter.</param>
    /// <param name="target">The name or alias of the model.</param>
    public ModelRoute(string pattern, string target)
    {
        ArgumentException.ThrowIfNullOrEmpty(pattern);
        ArgumentException.ThrowIfNullOrEmpty(target);
        _pattern = pattern;
        Target = target;
    }

    /// <summary>Has code choose.</summary>
    /// <param name="rule">Gives the name or alias of a model, or null to leave the request to the next rule. Called on the caller's thread, by several at once.</param>
    public ModelRoute(Func<ModelRouteContext, string?> rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        _rule = rule;
    }

    /// <summary>Where a pattern leads; null for a rule in code.</summary>
    public string? Target { get; }

    /// <summary>The name that the rule gives, or null when it does not apply.</summary>
    internal string? Apply(ModelRouteContext context) =>
        _rule is not null ? _rule(context)
        : context.Name is { } name && FileSystemName.MatchesSimpleExpression(_pattern, name) ? Target
        : null;
}
