namespace Abi.Cli.CommandLine;

/// <summary>A positional argument of a command.</summary>
/// <param name="Name">Its name in help, in capitals.</param>
/// <param name="Help">What it is.</param>
/// <param name="IsRequired">Whether it must be given.</param>
internal sealed record Argument(string Name, string Help, bool IsRequired = true)
{
    /// <summary>Whether a completing shell offers files.</summary>
    public bool TakesFile { get; init; }

    /// <summary>An option that gives the same value by name.</summary>
    public Option<string?>? Alternative { get; init; }

    /// <summary>What a completing shell offers.</summary>
    public IEnumerable<string> Suggestions { get; init; } = [];
}
