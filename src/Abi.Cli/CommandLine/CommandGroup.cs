namespace Abi.Cli.CommandLine;

/// <summary>Commands that go together, under a word of their own.</summary>
/// <param name="Name">The word.</param>
/// <param name="Summary">What they are for, in a line.</param>
/// <param name="Options">The options that all of them take.</param>
internal sealed record CommandGroup(string Name, string Summary, OptionGroup Options);
