using System.Diagnostics.Metrics;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Grammars;
using Abi.Llm.Sampling;
using Abi.Testing;
using Microsoft.Extensions.Logging;

namespace Abi.Llm.Tests.Engine;

/// <summary>What happens to those who wait when something ends that should not, or not there: nobody waits for ever, and everybody is told what it was.</summary>
public sealed class ExceptionalEndTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact, ContextLength = 128 };

    private static GenerationOptions Tokens(int count, params ILogitProcessor[] processors) =>
        new() { MaximumTokens = count, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 0, Processors = [.. processors] } };

    [Test]
    public async Task AListenerThatThrowsLetsGenerationsEnd()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        model.Engine.Name = $"listened-{Guid.NewGuid():n}";
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "gen_ai.server.request.duration")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((_, _, tags, _) =>
        {
            foreach (var tag in tags)
            {
                if (Equals(tag.Value, model.Engine.Name))
                {
                    throw new InvalidTimeZoneException();
                }
            }
        });
        listener.Start();
        var result = await model.CompleteAsync("a", Tokens(3)).WaitAsync(Soon);
        Assert.That(result.Tokens, Has.Length.EqualTo(3));
    }

    [Test]
    public async Task AModelMayBeDisposedFromACallbackOfItsOwn()
    {
        var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        using var begun = new ManualResetEventSlim();
        var first = model.CompleteAsync("a", Tokens(100, new Act(_ => begun.Wait(Soon)), new Act(length =>
        {
            if (length > 10)
            {
                model.Dispose();
            }
        })));
        var second = model.CompleteAsync("b", Tokens(100));
        begun.Set();
        Assert.That(() => first.WaitAsync(Soon), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => second.WaitAsync(Soon), Throws.TypeOf<ObjectDisposedException>());
        await model.DisposeAsync().AsTask().WaitAsync(Soon);
        Assert.That(() => model.Engine.Start([3]), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public async Task ASaveThatTheEngineNoLongerGetsToIsRefused()
    {
        var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        using var idle = model.CreateSession();
        await idle.CompleteAsync("a", Tokens(2));
        using var begun = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        var running = model.CompleteAsync("b", Tokens(100, new Act(_ =>
        {
            begun.Set();
            go.Wait(Soon);
        })));
        Assert.That(begun.Wait(Soon));
        using var saved = new MemoryStream();
        var saving = idle.SaveAsync(saved); // waits for the step that runs
        var disposing = model.DisposeAsync().AsTask();
        await Task.Delay(50);
        go.Set();
        await disposing.WaitAsync(Soon);
        Assert.That(() => saving.WaitAsync(Soon), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => running.WaitAsync(Soon), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public async Task ARequestThatEndsAtOnceMayHaveATimeLimit()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Parallel.ForAsync(0, 3000, async (_, _) =>
        {
            var stream = model.Engine.Start([3, 4], Tokens(3) with { TimeLimit = TimeSpan.FromMinutes(1) }, cancelled.Token);
            await stream.DisposeAsync();
        });
    }

    [Test]
    public async Task OfManyWhoStartOnASessionAtOnceOneDoes()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        for (var round = 0; round < 200; round++)
        {
            using var session = model.CreateSession();
            using var barrier = new Barrier(4);
            var starts = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    barrier.SignalAndWait();
                    try
                    {
                        return session.Start([3, 4, 5], Tokens(2) with { BufferedTokens = 1 });
                    }
                    catch (InvalidOperationException)
                    {
                        return null;
                    }
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
            var stream = starts.Single(static stream => stream is not null)!;
            Assert.That((await InferenceEngineTests.Read(stream)).Ids, Has.Length.EqualTo(2));
            Assert.That(session.Count, Is.EqualTo(5));
        }
    }

    [Test]
    public async Task AnEngineThatFailedSaysSo()
    {
        var device = new WatchedDevice();
        await using var model = await LanguageModel.LoadAsync(
            Fixtures.Path("models", "llama.gguf"), new ModelLoadOptions { Device = device, Engine = Exact, LoggerFactory = new ThrowingLogger() });
        using var session = model.CreateSession();
        device.OnRun = static _ => throw new InvalidTimeZoneException();

        // the step's failure is logged, and the logger fails too: that is nobody's request
        var failed = Assert.ThrowsAsync<AbiException>(() => model.CompleteAsync("a", Tokens(3)).WaitAsync(Soon));
        Assert.That(failed!.Message, Does.Contain("engine failed"));
        Assert.That(() => model.CompleteAsync("a", Tokens(3)).WaitAsync(Soon), Throws.TypeOf<AbiException>().With.Message.Contains("engine failed").And.Message.Contains("load the model anew"));
        Assert.That(() => session.SaveAsync(Stream.Null).WaitAsync(Soon), Throws.TypeOf<AbiException>().With.Message.Contains("engine failed"));
    }

    [Test]
    public async Task ARefusedRequestLetsGoOfItsAdapters()
    {
        await using var model = await TestModels.LoadAsync("stories-model", "stories-f16.gguf", Exact);
        var adapter = await model.LoadAdapterAsync(Fixtures.Path("stories-model", "lora", "stories-lora.gguf"));
        var options = Tokens(2) with { Adapters = [new AdapterUse(adapter)], Grammar = Grammar.FromChoices("much longer than two tokens, whatever they are") };
        Assert.That(() => model.CompleteAsync("a", options), Throws.TypeOf<GrammarException>());
        var memory = adapter.Changes.Values.First().A.Memory;
        adapter.Dispose();
        Assert.That(() => memory.Address, Throws.TypeOf<ObjectDisposedException>(), "it is freed");
    }

    private sealed class Act(Action<int> action) : ILogitProcessor
    {
        public void Process(ReadOnlySpan<int> history, Span<float> logits) => action(history.Length);
    }

    private sealed class ThrowingLogger : ILoggerFactory, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => throw new InvalidCastException();
    }
}
