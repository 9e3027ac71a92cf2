namespace Abi.Cli.Output;

/// <summary>A line of <c>db bench</c>.</summary>
/// <param name="Search">How it was searched: an effort, a recall, or exactly.</param>
/// <param name="Queries">Queries timed.</param>
/// <param name="Top">Neighbours asked for.</param>
/// <param name="Recall">The share of the true nearest that was found.</param>
/// <param name="QueriesPerSecond">On one thread.</param>
/// <param name="MeanMicroseconds">A query's mean time.</param>
/// <param name="P99Microseconds">The time that 99 of 100 queries keep within.</param>
internal sealed record DatabaseBenchRow(string Search, int Queries, int Top, double Recall, double QueriesPerSecond, double MeanMicroseconds, double P99Microseconds);
