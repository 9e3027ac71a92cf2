using System.Collections.Immutable;

namespace Abi.Cli.Output;

/// <summary>What merging adapters made.</summary>
internal sealed record LoraResult(string Output, long Bytes, ImmutableArray<string> Changed);
