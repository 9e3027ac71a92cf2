using System.Collections.Immutable;

namespace Abi.Cli.CommandLine;

/// <summary>An option whose values have a type.</summary>
/// <param name="names">The spellings, the one of the documentation last.</param>
/// <param name="valueName">The name of the value in help; null for a switch.</param>
/// <param name="help">What it does.</param>
/// <param name="default">The value when the option is absent.</param>
/// <param name="parse">Reads a value; may throw <see cref="FormatException"/>, <see cref="OverflowException"/> or <see cref="ArgumentException"/>.</param>
internal sealed class Option<T>(ImmutableArray<string> names, string? valueName, string help, T @default, Func<string, T> parse) : Option(names, valueName, help)
{
    /// <summary>The value when the option is absent.</summary>
    public T Default { get; } = @default;

    /// <inheritdoc/>
    public override object Parse(string text, string spelling)
    {
        if (!Choices.IsEmpty && !Choices.Contains(text, StringComparer.OrdinalIgnoreCase))
        {
            throw new UsageException($"'{spelling}' is '{text}'; it must be one of: {string.Join(", ", Choices)}.");
        }

        try
        {
            return parse(text)!;
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            throw new UsageException($"'{spelling}' needs {ValueName}, but got '{text}'.", e);
        }
        catch (ArgumentException e)
        {
            throw new UsageException($"'{spelling}': {e.Message}", e);
        }
    }
}
