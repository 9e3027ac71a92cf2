using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Abi;

/// <summary>Collects what is wrong with a feature's options, so that all of it is said at once, by key.</summary>
/// <remarks>For one thread at a time.</remarks>
public sealed class OptionsCheck
{
    private readonly string _section;
    private readonly IReadOnlyDictionary<string, string> _variables;
    private readonly List<string> _keys = [];
    private readonly List<string> _failures = [];

    internal OptionsCheck(string section, IReadOnlyDictionary<string, string> variables)
    {
        _section = section;
        _variables = variables;
    }

    internal IReadOnlyList<string> Keys => _keys;

    internal IReadOnlyList<string> Failures => _failures;

    /// <summary>Records a failure unless <paramref name="condition"/> holds.</summary>
    /// <param name="condition">What must hold.</param>
    /// <param name="property">The option's name below the feature's section; levels are separated by colons.</param>
    /// <param name="found">The value found.</param>
    /// <param name="expected">What was expected, as a phrase: "a positive number".</param>
    public void Require(bool condition, string property, object? found, string expected)
    {
        if (condition)
        {
            return;
        }

        var key = $"{_section}:{property}";
        var origin = _variables.TryGetValue(key, out var variable) ? $" (set by the variable {variable})" : "";
        var shown = found switch
        {
            null => "not set",
            string text => $"'{text}'",
            _ => Convert.ToString(found, CultureInfo.InvariantCulture),
        };
        _keys.Add(key);
        _failures.Add($"{key} is {shown}{origin}, but {expected} was expected.");
    }

    /// <summary>Records a failure unless the value lies in the closed range. NaN lies in no range.</summary>
    /// <param name="value">An option: write the property itself (<c>options.ContextLength</c>), its name is taken from the expression.</param>
    /// <param name="minimum">The smallest value allowed.</param>
    /// <param name="maximum">The largest value allowed.</param>
    /// <param name="property">The option's name; leave it out.</param>
    public void InRange<T>(T value, T minimum, T maximum, [CallerArgumentExpression(nameof(value))] string property = "")
        where T : INumber<T> =>
        Require(value >= minimum && value <= maximum, NameOf(property), value, string.Create(CultureInfo.InvariantCulture, $"a number from {minimum} to {maximum}"));

    /// <summary>Records a failure unless the text has characters other than white space.</summary>
    public void NotEmpty(string? value, [CallerArgumentExpression(nameof(value))] string property = "") =>
        Require(!string.IsNullOrWhiteSpace(value), NameOf(property), value, "a text that is not empty");

    /// <summary>Records a failure unless the value is one of the enumeration's.</summary>
    public void Defined<T>(T value, [CallerArgumentExpression(nameof(value))] string property = "")
        where T : struct, Enum =>
        Require(Enum.IsDefined(value), NameOf(property), value, $"one of {string.Join(", ", Enum.GetNames<T>())}");

    // options.Sampling.TopK is the key Sampling:TopK.
    private static string NameOf(string expression)
    {
        var dot = expression.IndexOf('.', StringComparison.Ordinal);
        return (dot < 0 ? expression : expression[(dot + 1)..]).Replace("!", "", StringComparison.Ordinal).Replace('.', ':');
    }
}
