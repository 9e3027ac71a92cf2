using System.Diagnostics;

namespace Abi.Llm.Telemetry;

/// <summary>Records one request for embeddings as a client sees it. Free when nobody listens.</summary>
internal sealed class EmbeddingRecorder : IDisposable
{
    private readonly Activity? _activity;
    private readonly string _model;
    private readonly long _start = Stopwatch.GetTimestamp();
    private long? _tokens;
    private string? _error;

    public EmbeddingRecorder(string model)
    {
        _model = model;
        _activity = LlmTelemetry.Source.StartActivity($"embeddings {model}", ActivityKind.Internal);
        _activity?.SetTag("gen_ai.operation.name", "embeddings").SetTag("gen_ai.provider.name", LlmTelemetry.Provider).SetTag("gen_ai.request.model", model);
    }

    public void Response(long tokens, int dimensions)
    {
        _tokens = tokens;
        _activity?.SetTag("gen_ai.response.model", _model).SetTag("gen_ai.usage.input_tokens", tokens).SetTag("gen_ai.embeddings.dimension.count", dimensions);
    }

    public void Fail(Exception exception)
    {
        _error = exception.GetType().FullName;
        _activity?.SetTag("error.type", _error).SetStatus(ActivityStatusCode.Error, exception is AbiException ? exception.Message : null);
    }

    public void Dispose()
    {
        if (LlmTelemetry.OperationDuration.Enabled)
        {
            var tags = Tags();
            if (_error is not null)
            {
                tags.Add("error.type", _error);
            }

            LlmTelemetry.OperationDuration.Record(Stopwatch.GetElapsedTime(_start).TotalSeconds, tags);
        }

        if (LlmTelemetry.TokenUsage.Enabled && _tokens is { } count)
        {
            var tags = Tags();
            tags.Add("gen_ai.token.type", "input");
            LlmTelemetry.TokenUsage.Record(count, tags);
        }

        _activity?.Dispose();
    }

    private TagList Tags() => new()
    {
        { "gen_ai.operation.name", "embeddings" }, { "gen_ai.provider.name", LlmTelemetry.Provider }, { "gen_ai.request.model", _model }, { "gen_ai.response.model", _model },
    };
}
