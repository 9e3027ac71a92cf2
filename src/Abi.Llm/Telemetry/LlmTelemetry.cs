using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Abi.Llm.Telemetry;

/// <summary>The trace source and the instruments of this assembly, with the names of OpenTelemetry's conventions for generative AI (status: development) and <c>abi.llm.*</c> for our own.</summary>
/// <remarks>Thread-safe. Nothing is measured while nobody listens.</remarks>
internal static class LlmTelemetry
{
    /// <summary>The name of the trace source and of the meter.</summary>
    public const string Name = "Abi.Llm";

    /// <summary>The custom provider name of the conventions.</summary>
    public const string Provider = "abi";

    private static readonly InstrumentAdvice<double> Seconds = new() { HistogramBucketBoundaries = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92] };

    private static readonly InstrumentAdvice<double> TokenSeconds = new() { HistogramBucketBoundaries = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5] };

    private static readonly InstrumentAdvice<double> FirstTokenSeconds = new()
    {
        HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    };

    private static readonly InstrumentAdvice<long> Tokens = new() { HistogramBucketBoundaries = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864] };

    public static ActivitySource Source { get; } = new(Name);

    public static Meter Meter { get; } = new(Name);

    public static Histogram<long> TokenUsage { get; } = Meter.CreateHistogram("gen_ai.client.token.usage", "{token}", "Tokens in and out of an operation.", null, Tokens);

    public static Histogram<double> OperationDuration { get; } = Meter.CreateHistogram("gen_ai.client.operation.duration", "s", "How long an operation took.", null, Seconds);

    public static Histogram<double> TimeToFirstChunk { get; } = Meter.CreateHistogram("gen_ai.client.operation.time_to_first_chunk", "s", "From the call to the first part of a streamed response.", null, Seconds);

    public static Histogram<double> TimePerOutputChunk { get; } = Meter.CreateHistogram("gen_ai.client.operation.time_per_output_chunk", "s", "Between two parts of a streamed response.", null, Seconds);

    public static Histogram<double> RequestDuration { get; } = Meter.CreateHistogram("gen_ai.server.request.duration", "s", "From the request to its last token, waiting included.", null, Seconds);

    public static Histogram<double> TimePerOutputToken { get; } = Meter.CreateHistogram("gen_ai.server.time_per_output_token", "s", "The mean time of a token after the first.", null, TokenSeconds);

    public static Histogram<double> TimeToFirstToken { get; } = Meter.CreateHistogram("gen_ai.server.time_to_first_token", "s", "From the request to its first token, waiting included.", null, FirstTokenSeconds);

    /// <summary>Whether a user opted in to messages on spans for the whole process.</summary>
    public static bool CapturesContent { get; } =
        string.Equals(Environment.GetEnvironmentVariable("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"), "true", StringComparison.OrdinalIgnoreCase);
}
