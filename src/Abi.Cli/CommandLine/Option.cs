using System.Collections.Immutable;

namespace Abi.Cli.CommandLine;

/// <summary>An option of a command: one row of the table that parses, prints help and completes.</summary>
internal abstract class Option(ImmutableArray<string> names, string? valueName, string help)
{
    /// <summary>The spellings, the one of the documentation last (<c>-t</c>, <c>--threads</c>).</summary>
    public ImmutableArray<string> Names { get; } = names;

    /// <summary>The name of the value in help; null for a switch, which takes none.</summary>
    public string? ValueName { get; } = valueName;

    /// <summary>What it does, as one sentence without its full stop.</summary>
    public string Help { get; } = help;

    /// <summary>The default as help prints it; null when there is none to name.</summary>
    public string? DefaultText { get; init; }

    /// <summary>Whether it may be given several times.</summary>
    public bool IsRepeatable { get; init; }

    /// <summary>Whether a completing shell offers files as values.</summary>
    public bool TakesFile { get; init; }

    /// <summary>The only values allowed; empty when any is.</summary>
    public ImmutableArray<string> Choices { get; init; } = [];

    /// <summary>The spelling of messages that nobody typed.</summary>
    public string Name => Names[^1];

    /// <summary>Whether the option takes no value.</summary>
    public bool IsSwitch => ValueName is null;

    /// <summary>Reads a value.</summary>
    /// <param name="text">The value.</param>
    /// <param name="spelling">The option as it was typed, for messages.</param>
    /// <exception cref="UsageException">The text is no such value.</exception>
    public abstract object Parse(string text, string spelling);
}
