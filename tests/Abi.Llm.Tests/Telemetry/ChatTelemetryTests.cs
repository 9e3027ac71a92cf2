using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Abi.Llm.Chat;
using Abi.Llm.Tests.Chat;
using Abi.Llm.Tests.Engine;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Telemetry;

/// <summary>What listeners are told, under the names of OpenTelemetry's conventions for generative AI.</summary>
[NonParallelizable]
public sealed class ChatTelemetryTests
{
    private static readonly ChatMessage[] Hi = [new(ChatRole.User, "Hi secret")];

    [Test]
    public async Task ASpanTellsOfARequestAndOfContentOnlyWhenAsked()
    {
        ConcurrentQueue<Activity> spans = [];
        using var listener = Listen(spans);
        var model = $"telemetry-{Guid.NewGuid():n}";
        foreach (var captures in new[] { false, true })
        {
            var client = new AbiChatClient(new ScriptedBackend("<think>Hm.</think>Hello."), model, TemplateFixtures.Load("Qwen-Qwen3"), null, new AbiChatClientOptions { CaptureContent = captures });
            await client.GetResponseAsync(Hi, new() { Temperature = 0.5f, TopK = 3, TopP = 0.25f, Seed = 8, MaxOutputTokens = 50, StopSequences = ["x"], FrequencyPenalty = 0.125f, PresencePenalty = 0.5f, Tools = [TemplateFixtures.Weather] });
            var span = spans.Last(span => span.DisplayName == $"chat {model}");
            var tags = span.TagObjects.ToDictionary(tag => tag.Key, tag => tag.Value);
            Assert.That(span.Kind, Is.EqualTo(ActivityKind.Internal));
            Assert.That(
                (tags["gen_ai.operation.name"], tags["gen_ai.provider.name"], tags["gen_ai.request.model"], tags["gen_ai.response.model"], tags["gen_ai.request.stream"]),
                Is.EqualTo(("chat", "abi", model, model, (object)false)));
            Assert.That(
                (tags["gen_ai.request.temperature"], tags["gen_ai.request.top_k"], tags["gen_ai.request.top_p"], tags["gen_ai.request.seed"], tags["gen_ai.request.max_tokens"], tags["gen_ai.request.frequency_penalty"], tags["gen_ai.request.presence_penalty"]),
                Is.EqualTo(((object)0.5f, (object)3, (object)0.25f, (object)8L, (object)50, (object)0.125f, (object)0.5f)));
            Assert.That(tags["gen_ai.request.stop_sequences"], Is.EqualTo(new[] { "x" }));
            Assert.That(tags["gen_ai.response.finish_reasons"], Is.EqualTo(new[] { "stop" }));
            Assert.That(tags["gen_ai.response.id"], Is.Not.Null);
            Assert.That((long)tags["gen_ai.usage.input_tokens"]!, Is.GreaterThan(5));
            Assert.That((long)tags["gen_ai.usage.output_tokens"]!, Is.GreaterThan(3));
            Assert.That(tags["gen_ai.usage.cache_read.input_tokens"], Is.EqualTo(5L));
            Assert.That((long)tags["gen_ai.usage.reasoning.output_tokens"]!, Is.GreaterThan(1));
            Assert.That(tags.ContainsKey("gen_ai.input.messages"), Is.EqualTo(captures));
            Assert.That(tags.Values.OfType<string>().Any(value => value.Contains("secret", StringComparison.Ordinal)), Is.EqualTo(captures));
            if (captures)
            {
                Assert.That((string)tags["gen_ai.output.messages"]!, Is.EqualTo("""[{"role":"assistant","parts":[{"type":"reasoning","content":"Hm."},{"type":"text","content":"Hello."}]}]"""));
                Assert.That((string)tags["gen_ai.tool.definitions"]!, Does.Contain("get_weather"));
            }
        }
    }

    [Test]
    public async Task AFailureIsOnTheSpan()
    {
        ConcurrentQueue<Activity> spans = [];
        using var listener = Listen(spans);
        var model = $"telemetry-{Guid.NewGuid():n}";
        var client = new AbiChatClient(new ScriptedBackend("x"), model, TemplateFixtures.Load("Qwen-Qwen3"), null, new AbiChatClientOptions());
        Assert.That(() => client.GetResponseAsync(Hi, new() { ConversationId = "c" }), Throws.TypeOf<ChatOptionException>());
        var span = spans.Single(span => span.DisplayName == $"chat {model}");
        Assert.That((span.Status, span.GetTagItem("error.type")), Is.EqualTo((ActivityStatusCode.Error, typeof(ChatOptionException).FullName)));
        await Task.CompletedTask;
    }

    [Test]
    public async Task ToolsHaveSpansOfTheirOwn()
    {
        ConcurrentQueue<Activity> spans = [];
        using var listener = Listen(spans);
        var name = $"tool_{Guid.NewGuid():n}";
        await ScriptedBackend.Client(new ScriptedBackend($"<tool_call>{{\"name\": \"{name}\"}}</tool_call>", "Done.")).WithToolLoop().GetResponseAsync(Hi, new() { Tools = [AIFunctionFactory.Create(() => 1, name)] });
        var span = spans.Single(span => span.DisplayName == $"execute_tool {name}");
        Assert.That((span.GetTagItem("gen_ai.tool.name"), span.GetTagItem("gen_ai.operation.name"), span.GetTagItem("gen_ai.tool.type")), Is.EqualTo((name, "execute_tool", "function")));
    }

    [Test]
    public async Task ClientInstrumentsMeasure()
    {
        var model = $"telemetry-{Guid.NewGuid():n}";
        ConcurrentDictionary<string, ConcurrentQueue<double>> measured = [];
        using var meters = Listen(measured, model);
        var client = new AbiChatClient(new ScriptedBackend("Hello there."), model, TemplateFixtures.Load("Qwen-Qwen3"), null, new AbiChatClientOptions());
        await client.GetStreamingResponseAsync(Hi).ToChatResponseAsync();
        Assert.That(measured["gen_ai.client.operation.duration"], Has.Count.EqualTo(1).And.All.GreaterThan(0));
        Assert.That(measured["gen_ai.client.operation.time_to_first_chunk"], Has.Count.EqualTo(1));
        Assert.That(measured["gen_ai.client.operation.time_per_output_chunk"], Has.Count.EqualTo(3));
        Assert.That(measured["gen_ai.client.token.usage"], Has.Count.EqualTo(2).And.All.GreaterThan(3), "input and output");
    }

    [Test]
    public async Task TheEngineMeasuresRequestsAndShowsItsState()
    {
        ConcurrentDictionary<string, ConcurrentQueue<double>> measured = [];
        await using var model = await TestModels.LoadAsync("stories", "stories260K.f32.gguf");
        using var meters = Listen(measured, model.Engine.Name);
        await model.CompleteAsync("Once", new GenerationOptions { MaximumTokens = 4, IgnoreEndOfGeneration = true });
        Assert.That(SpinWait.SpinUntil(() => measured.ContainsKey("gen_ai.server.time_per_output_token"), 5000), Is.True);
        Assert.That(measured["gen_ai.server.request.duration"], Has.Count.EqualTo(1).And.All.GreaterThan(0));
        Assert.That(measured["gen_ai.server.time_to_first_token"], Has.Count.EqualTo(1));
        meters.RecordObservableInstruments();
        Assert.That(measured["abi.llm.steps"].Last(), Is.GreaterThanOrEqualTo(4));
        Assert.That(
            measured.Keys.Where(name => name.StartsWith("abi.", StringComparison.Ordinal)),
            Is.EquivalentTo(new[] { "abi.llm.requests.active", "abi.llm.queue.length", "abi.llm.kv_cache.pages", "abi.llm.kv_cache.usage", "abi.llm.state.memory", "abi.llm.steps", "abi.llm.preemptions" }));
    }

    private static ActivityListener Listen(ConcurrentQueue<Activity> spans)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Abi.Llm",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }

    private static MeterListener Listen(ConcurrentDictionary<string, ConcurrentQueue<double>> measured, string model)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "Abi.Llm")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (var tag in tags)
            {
                if (tag.Key == "gen_ai.request.model" && model.Equals(tag.Value))
                {
                    measured.GetOrAdd(instrument.Name, _ => []).Enqueue(value);
                }
            }
        }

        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Record(instrument, value, tags));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument, value, tags));
        listener.Start();
        return listener;
    }
}
