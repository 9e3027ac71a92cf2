using System.Diagnostics;
using System.Diagnostics.Metrics;
using Abi.Llm.Engine;

namespace Abi.Llm.Telemetry;

/// <summary>What engines tell listeners: a request's times when it ends, and their state whenever somebody looks.</summary>
/// <remarks>Thread-safe. Nothing happens on the way of a token.</remarks>
internal static class EngineTelemetry
{
    private static readonly Lock Gate = new();
    private static readonly List<WeakReference<InferenceEngine>> Engines = [];

    static EngineTelemetry()
    {
        Gauge("abi.llm.requests.active", "{request}", "Requests that take part in steps.", statistics => statistics.Active);
        Gauge("abi.llm.queue.length", "{request}", "Requests that wait to be admitted.", statistics => statistics.Waiting);
        Gauge("abi.llm.kv_cache.pages", "{page}", "Pages of the cache in use.", statistics => statistics.UsedPages);
        Gauge("abi.llm.state.memory", "By", "Memory of the cache and of recurrent states in use.", statistics => statistics.UsedStateBytes);
        LlmTelemetry.Meter.CreateObservableGauge(
            "abi.llm.kv_cache.usage", () => Measure(statistics => statistics.TotalPages == 0 ? 0d : (double)statistics.UsedPages / statistics.TotalPages), "1", "The share of the cache's pages in use.");
        LlmTelemetry.Meter.CreateObservableCounter("abi.llm.steps", () => Measure(statistics => statistics.Steps), "{step}", "Steps that were run.");
        LlmTelemetry.Meter.CreateObservableCounter("abi.llm.preemptions", () => Measure(statistics => statistics.Preemptions), "{preemption}", "How often a sequence lost its state to others.");
    }

    /// <summary>Lets listeners look at an engine.</summary>
    public static void Add(InferenceEngine engine)
    {
        lock (Gate)
        {
            Engines.RemoveAll(reference => !reference.TryGetTarget(out _));
            Engines.Add(new WeakReference<InferenceEngine>(engine));
        }
    }

    /// <summary>Forgets an engine.</summary>
    public static void Remove(InferenceEngine engine)
    {
        lock (Gate)
        {
            Engines.RemoveAll(reference => !reference.TryGetTarget(out var other) || ReferenceEquals(other, engine));
        }
    }

    /// <summary>Records a generation that has ended.</summary>
    public static void Record(GenerationOutcome outcome, string model)
    {
        if (!LlmTelemetry.RequestDuration.Enabled && !LlmTelemetry.TimeToFirstToken.Enabled && !LlmTelemetry.TimePerOutputToken.Enabled)
        {
            return;
        }

        var tags = new TagList { { "gen_ai.operation.name", "text_completion" }, { "gen_ai.provider.name", LlmTelemetry.Provider }, { "gen_ai.request.model", model } };
        if (outcome.FinishReason is FinishReason.Failed or FinishReason.Cancelled)
        {
            tags.Add("error.type", outcome.FinishReason == FinishReason.Failed ? "failed" : "cancelled");
        }

        var timings = outcome.Timings;
        LlmTelemetry.RequestDuration.Record((timings.TimeToFirstToken + timings.Generation).TotalSeconds, tags);
        if (timings.TokensGenerated > 0)
        {
            LlmTelemetry.TimeToFirstToken.Record(timings.TimeToFirstToken.TotalSeconds, tags);
        }

        if (timings.TokensGenerated > 1)
        {
            LlmTelemetry.TimePerOutputToken.Record(timings.Generation.TotalSeconds / (timings.TokensGenerated - 1), tags);
        }
    }

    private static void Gauge(string name, string unit, string description, Func<EngineStatistics, long> value) =>
        LlmTelemetry.Meter.CreateObservableGauge(name, () => Measure(value), unit, description);

    private static List<Measurement<T>> Measure<T>(Func<EngineStatistics, T> value)
        where T : struct
    {
        List<InferenceEngine> engines = [];
        lock (Gate)
        {
            foreach (var reference in Engines)
            {
                if (reference.TryGetTarget(out var engine))
                {
                    engines.Add(engine);
                }
            }
        }

        return engines.ConvertAll(engine => new Measurement<T>(value(engine.Statistics), new KeyValuePair<string, object?>("gen_ai.request.model", engine.Name)));
    }
}
