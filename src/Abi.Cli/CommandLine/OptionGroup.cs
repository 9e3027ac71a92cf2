using System.Collections.Immutable;

namespace Abi.Cli.CommandLine;

/// <summary>Options that belong together, under a title in help.</summary>
internal sealed record OptionGroup(string Title, ImmutableArray<Option> Options);
