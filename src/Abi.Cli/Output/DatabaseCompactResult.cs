namespace Abi.Cli.Output;

/// <summary>What compaction won.</summary>
internal sealed record DatabaseCompactResult(string Path, long BytesBefore, long BytesAfter, double Seconds);
