namespace Abi.Cli.Output;

/// <summary>What a command wrote to a database.</summary>
internal sealed record DatabaseWriteResult(string Path, string? Collection, long Records, long Sequence, double? Seconds);
