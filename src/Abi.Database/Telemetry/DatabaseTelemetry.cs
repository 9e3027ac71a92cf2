using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Abi.Database.Telemetry;

/// <summary>The trace source and the instruments of this assembly, with the names of OpenTelemetry's conventions for database clients and <c>abi.database.*</c> for our own.</summary>
/// <remarks>Thread-safe. Nothing is measured while nobody listens.</remarks>
internal static class DatabaseTelemetry
{
    /// <summary>The name of the trace source and of the meter.</summary>
    public const string Name = "Abi.Database";

    /// <summary>From 10 µs: a search in the process takes less than the conventions, which are written for servers, have buckets for.</summary>
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    };

    private static readonly InstrumentAdvice<long> Rows = new() { HistogramBucketBoundaries = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] };

    public static ActivitySource Source { get; } = new(Name);

    public static Meter Meter { get; } = new(Name);

    public static Histogram<double> OperationDuration { get; } = Meter.CreateHistogram("db.client.operation.duration", "s", "How long a search took, or a write until it was acknowledged.", null, Seconds);

    public static Histogram<long> ReturnedRows { get; } = Meter.CreateHistogram("db.client.response.returned_rows", "{row}", "The records that a search found.", null, Rows);

    public static Histogram<double> CheckpointDuration { get; } = Meter.CreateHistogram<double>("abi.database.checkpoint.duration", "s", "How long a checkpoint took.");
}
