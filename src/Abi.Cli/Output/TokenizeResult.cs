using System.Collections.Immutable;

namespace Abi.Cli.Output;

/// <summary>The ids of a text, and on request the text of each.</summary>
internal sealed record TokenizeResult(int[] Ids, ImmutableArray<string>? Pieces = null);
