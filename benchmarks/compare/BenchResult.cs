namespace Abi.Compare;

/// <summary>What one process measured, and the most memory that it held.</summary>
internal sealed record BenchResult(double TokensPerSecond, long PeakMebibytes);
