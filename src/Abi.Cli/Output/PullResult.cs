using System.Collections.Immutable;

namespace Abi.Cli.Output;

/// <summary>What <c>pull</c> brought.</summary>
internal sealed record PullResult(string Path, ImmutableArray<PulledFile> Files);
