using System.Collections.Immutable;

namespace Abi.Cli.Output;

/// <summary>What checking a database found.</summary>
internal sealed record DatabaseVerifyResult(string Path, bool Sound, int Files, long Bytes, long Sequence, ImmutableArray<string> Problems);
