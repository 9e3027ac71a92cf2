using System.Diagnostics;
using Abi.Llm.Chat;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Telemetry;

/// <summary>Records one chat as a client sees it: a span and the client's instruments. Free when nobody listens.</summary>
internal struct ChatRecorder : IDisposable
{
    private readonly string _model;
    private readonly bool _isStreaming;
    private readonly bool _capturesContent;
    private readonly Activity? _activity;
    private readonly long _start;
    private long _lastChunk;
    private List<AIContent>? _output;
    private string? _error;
    private UsageDetails? _usage;
    private ChatFinishReason? _finishReason;

    public ChatRecorder(string model, bool isStreaming, bool? capturesContent)
    {
        _model = model;
        _isStreaming = isStreaming;
        _activity = LlmTelemetry.Source.StartActivity($"chat {model}", ActivityKind.Internal);
        _capturesContent = _activity is { IsAllDataRequested: true } && (capturesContent ?? LlmTelemetry.CapturesContent);
        _start = Stopwatch.GetTimestamp();
        _activity?.SetTag("gen_ai.operation.name", "chat").SetTag("gen_ai.provider.name", LlmTelemetry.Provider).SetTag("gen_ai.request.model", model).SetTag("gen_ai.request.stream", isStreaming);
    }

    /// <summary>Tells what was asked for.</summary>
    public readonly void Request(ChatRequest request)
    {
        if (_activity is not { IsAllDataRequested: true } activity)
        {
            return;
        }

        var sampling = request.Generation.Sampling;
        activity.SetTag("gen_ai.request.temperature", sampling.Temperature).SetTag("gen_ai.request.top_k", sampling.TopK).SetTag("gen_ai.request.top_p", sampling.TopP)
            .SetTag("gen_ai.request.frequency_penalty", sampling.FrequencyPenalty).SetTag("gen_ai.request.presence_penalty", sampling.PresencePenalty)
            .SetTag("gen_ai.request.max_tokens", request.Generation.MaximumTokens).SetTag("gen_ai.request.seed", sampling.Seed);
        if (!request.Generation.StopStrings.IsEmpty)
        {
            activity.SetTag("gen_ai.request.stop_sequences", request.Generation.StopStrings.ToArray());
        }

        if (_capturesContent)
        {
            activity.SetTag("gen_ai.input.messages", TelemetryContent.Messages(request.Messages));
            if (!request.Tools.IsEmpty)
            {
                activity.SetTag("gen_ai.tool.definitions", TelemetryContent.Tools(request.Tools));
            }
        }
    }

    /// <summary>Tells of a part of the response.</summary>
    public void Chunk(IList<AIContent> contents)
    {
        if (_isStreaming && (LlmTelemetry.TimeToFirstChunk.Enabled || LlmTelemetry.TimePerOutputChunk.Enabled))
        {
            var now = Stopwatch.GetTimestamp();
            var instrument = _lastChunk == 0 ? LlmTelemetry.TimeToFirstChunk : LlmTelemetry.TimePerOutputChunk;
            instrument.Record(Stopwatch.GetElapsedTime(_lastChunk == 0 ? _start : _lastChunk, now).TotalSeconds, Tags());
            if (_lastChunk == 0)
            {
                _activity?.SetTag("gen_ai.response.time_to_first_chunk", Stopwatch.GetElapsedTime(_start, now).TotalSeconds);
            }

            _lastChunk = now;
        }

        if (_capturesContent)
        {
            (_output ??= []).AddRange(contents);
        }
    }

    /// <summary>Tells how it ended.</summary>
    public void Response(string responseId, ChatFinishReason? finishReason, UsageDetails usage)
    {
        _finishReason = finishReason;
        _usage = usage;
        _activity?.SetTag("gen_ai.response.id", responseId).SetTag("gen_ai.response.model", _model);
    }

    public void Fail(Exception exception)
    {
        _error = exception.GetType().FullName;
        _activity?.SetStatus(ActivityStatusCode.Error, exception is AbiException ? exception.Message : null);
    }

    public readonly void Dispose()
    {
        if (_activity is { IsAllDataRequested: true } activity)
        {
            if (_finishReason is { } reason)
            {
                activity.SetTag("gen_ai.response.finish_reasons", new[] { reason.Value });
            }

            activity.SetTag("gen_ai.usage.input_tokens", _usage?.InputTokenCount).SetTag("gen_ai.usage.output_tokens", _usage?.OutputTokenCount)
                .SetTag("gen_ai.usage.cache_read.input_tokens", _usage?.CachedInputTokenCount).SetTag("gen_ai.usage.reasoning.output_tokens", _usage?.ReasoningTokenCount)
                .SetTag("error.type", _error);
            if (_output is not null)
            {
                activity.SetTag("gen_ai.output.messages", TelemetryContent.Messages([new ChatMessage(ChatRole.Assistant, TelemetryContent.Join(_output))]));
            }
        }

        if (LlmTelemetry.OperationDuration.Enabled)
        {
            var tags = Tags();
            if (_error is not null)
            {
                tags.Add("error.type", _error);
            }

            LlmTelemetry.OperationDuration.Record(Stopwatch.GetElapsedTime(_start).TotalSeconds, tags);
        }

        if (LlmTelemetry.TokenUsage.Enabled && _usage is { } usage)
        {
            Tokens("input", usage.InputTokenCount);
            Tokens("output", usage.OutputTokenCount);
        }

        _activity?.Dispose();
    }

    private readonly void Tokens(string type, long? count)
    {
        if (count is { } known)
        {
            var tags = Tags();
            tags.Add("gen_ai.token.type", type);
            LlmTelemetry.TokenUsage.Record(known, tags);
        }
    }

    private readonly TagList Tags() => new()
    {
        { "gen_ai.operation.name", "chat" }, { "gen_ai.provider.name", LlmTelemetry.Provider }, { "gen_ai.request.model", _model }, { "gen_ai.response.model", _model },
    };
}
