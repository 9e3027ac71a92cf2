using System.Collections.Immutable;
using Abi.Cli.Terminal;

namespace Abi.Cli.CommandLine;

/// <summary>A command: its row in the table of commands, its options, and what it does.</summary>
internal abstract class Command
{
    /// <summary>The word that selects it.</summary>
    public abstract string Name { get; }

    /// <summary>The word before it, for commands that go together (<c>db create</c>); null for one that stands alone.</summary>
    public virtual CommandGroup? Group => null;

    /// <summary>All words that select it.</summary>
    public string FullName => Group is { } group ? $"{group.Name} {Name}" : Name;

    /// <summary>What it does, in a line.</summary>
    public abstract string Summary { get; }

    /// <summary>The positional arguments, in order.</summary>
    public virtual ImmutableArray<Argument> Arguments => [];

    /// <summary>The options of its own, in the order of help.</summary>
    public virtual ImmutableArray<OptionGroup> Groups => [];

    /// <summary>The options of its own and those that all commands of its <see cref="Group"/> take, in the order of help.</summary>
    public ImmutableArray<OptionGroup> AllGroups => Group is { } group ? [.. Groups, group.Options] : Groups;

    /// <summary>What else a user should know; printed after the options.</summary>
    public virtual string? Remarks => null;

    /// <summary>All options.</summary>
    public IEnumerable<Option> AllOptions => AllGroups.SelectMany(group => group.Options);

    /// <summary>Runs it.</summary>
    /// <param name="arguments">What was given.</param>
    /// <param name="console">Where results and messages go.</param>
    /// <param name="cancellationToken">Ctrl-C.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="UsageException">Options do not go together.</exception>
    /// <exception cref="AbiException">It failed for a reason that the user can do something about.</exception>
    public abstract Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken);
}
