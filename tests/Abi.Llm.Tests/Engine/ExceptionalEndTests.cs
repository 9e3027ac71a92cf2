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
        var freed = 0;
        var readAfterwards = 0;
        var device = new WatchedDevice { OnDisposed = () => Interlocked.Increment(ref freed) };
        var model = await TestModels.LoadAsync("models", "llama.gguf", Exact, device);
        using var both = new ManualResetEventSlim();
        var first = model.CompleteAsync("a", Tokens(100, new Act(length =>
        {
            both.Wait(Soon);
            if (length > 10)
            {
                model.Dispose();
            }

            readAfterwards += Volatile.Read(ref freed);
        })));
        var second = model.CompleteAsync("b", Tokens(100, new Act(_ => readAfterwards += Volatile.Read(ref freed))));
        both.Set();
        Assert.That(() => first.WaitAsync(Soon), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => second.WaitAsync(Soon), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(SpinWait.SpinUntil(() => Volatile.Read(ref freed) > 0, Soon), "it is freed all the same");
        Assert.That(readAfterwards, Is.Zero, "logits were read that had been freed");
        await model.DisposeAsync();
        Assert.That(() => model.Engine.Start([3]), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>Whatever a stream, a session or a text is at when its model goes: it ends, says why, and can be let go of in any order.</summary>
    [Test]
    public async Task AModelThatIsDisposedTwiceAtOnceEndsWhateverRunsOnIt()
    {
        for (var round = 0; round < 8; round++)
        {
            var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { MaximumSequences = 3 });
            var session = model.CreateSession();
            await session.CompleteAsync("a", Tokens(2));
            var full = model.Engine.Start([3], Tokens(100) with { BufferedTokens = 1 });
            var running = session.Start([4], Tokens(100));
            var read = Task.Factory.StartNew(() => ReadToEnd(model.Engine.Start([5, 6], Tokens(100))), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            List<Task> ended = [read, model.EmbedAsync("a b c"), model.ComputeLogitsAsync(new[] { 3, 4 })];
            ended.AddRange(Enumerable.Range(0, 6).Select(i => model.CompleteAsync("abc", Tokens(100))));
            await Task.Delay(round * 3);
            await Task.WhenAll(model.DisposeAsync().AsTask(), model.DisposeAsync().AsTask(), Task.Run(model.Dispose), Task.Run(() => running.DisposeAsync().AsTask()), Task.Run(full.Cancel)).WaitAsync(Soon);
            foreach (var task in ended)
            {
                await Task.WhenAny(task).WaitAsync(Soon);
                Assert.That(task.Exception?.InnerException, Is.Null.Or.TypeOf<ObjectDisposedException>());
            }

            Assert.That(() => ReadToEnd(full), Throws.TypeOf<ObjectDisposedException>().Or.InstanceOf<OperationCanceledException>());
            await full.DisposeAsync().AsTask().WaitAsync(Soon);
            await running.DisposeAsync().AsTask().WaitAsync(Soon);

            Func<Task>[] late =
            [
                () => model.CompleteAsync("a", Tokens(2)), () => session.CompleteAsync("a", Tokens(2)), () => model.EmbedAsync("a"), () => model.ComputeLogitsAsync(new[] { 3 }), () => session.SaveAsync(Stream.Null),
                () => model.RestoreSessionAsync(Stream.Null), () => model.CompleteManyAsync("a", 2), () => model.BeamSearchAsync("a", new BeamSearchOptions { MaximumTokens = 2 }), () => model.LoadAdapterAsync("a"), () => Task.FromResult(session.Fork()),
            ];
            foreach (var request in late)
            {
                Assert.That(() => request().WaitAsync(Soon), Throws.TypeOf<ObjectDisposedException>());
            }

            session.Dispose();
            session.Dispose();
        }

        static int ReadToEnd(GenerationStream stream)
        {
            var buffer = new byte[64];
            var all = 0;
            for (var count = stream.Read(buffer); count > 0; count = stream.Read(buffer))
            {
                all += count;
            }

            return all;
        }
    }

    [Test]
    public async Task WhatIsCancelledBeforeItStartsLeavesTheSessionUsable()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        using var session = model.CreateSession();
        var cancelled = new CancellationToken(canceled: true);
        Assert.That(() => session.CompleteAsync("abc", Tokens(5), cancellationToken: cancelled).WaitAsync(Soon), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => model.EmbedAsync("abc", cancellationToken: cancelled).WaitAsync(Soon), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => model.ComputeLogitsAsync(new[] { 3 }, cancellationToken: cancelled).WaitAsync(Soon), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => model.CompleteManyAsync("abc", 3, Tokens(5), cancelled).WaitAsync(Soon), Throws.InstanceOf<OperationCanceledException>());
        Assert.That((await session.CompleteAsync("a", Tokens(3)).WaitAsync(Soon)).Tokens, Has.Length.EqualTo(3));
        Assert.That(model.Engine.Statistics.Active + model.Engine.Statistics.Waiting, Is.Zero);
    }

    [Test]
    public async Task ADisposedEngineHoldsNothing()
    {
        var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        using var session = model.CreateSession();
        await session.CompleteAsync("a", Tokens(40));
        var before = model.Engine.Statistics;
        Assert.That(new[] { before.UsedPages, before.UsedStateBytes, before.TotalStateBytes, before.Steps }, Is.All.Positive);
        await model.DisposeAsync();
        Assert.That(model.Engine.Statistics, Is.EqualTo(default(EngineStatistics) with { Steps = before.Steps }));
    }

    [Test]
    public async Task ARefusedRequestLeavesASessionUncut()
    {
        await using var model = await TestModels.LoadAsync("stories-model", "stories-f16.gguf", Exact);
        using var session = model.CreateSession();
        await session.CompleteAsync(TestModels.Ids(100, model.Engine.VocabularySize, 1), Tokens(2));
        var before = session.GetIds();
        var options = Tokens(2) with { ContextFull = ContextFullPolicy.Truncate, Grammar = Grammar.FromChoices("much longer than two tokens, whatever they are") };
        Assert.That(() => session.Start(TestModels.Ids(60, model.Engine.VocabularySize, 2), options), Throws.TypeOf<GrammarException>());
        Assert.That(session.GetIds(), Is.EqualTo(before));
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

    [TestCase(true)]
    [TestCase(false)]
    public async Task WhoWaitsForTextIsToldWhatEndedIt(bool isCancelled)
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { MaximumRows = 4 });
        using var begun = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        var progress = new Progress(() =>
        {
            begun.Set();
            go.Wait(Soon);
            if (!isCancelled)
            {
                throw new InvalidTimeZoneException();
            }
        });
        using var stream = model.Engine.Start([3, 4, 5, 6, 7, 8], Tokens(100) with { PromptProgress = progress });
        Assert.That(begun.Wait(Soon));
        var waiting = stream.WaitToReadAsync().AsTask();
        if (isCancelled)
        {
            stream.Cancel();
        }

        go.Set();
        Assert.That(() => waiting.WaitAsync(Soon), isCancelled ? Throws.InstanceOf<OperationCanceledException>() : Throws.TypeOf<InvalidTimeZoneException>());
    }

    [Test]
    public async Task DisposingWaitsForTheEndAlsoWhenAWaitWasGivenUp()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        using var session = model.CreateSession();
        using var begun = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        var stream = session.Start([3], Tokens(100, new Act(_ =>
        {
            begun.Set();
            go.Wait(Soon);
        })));
        Assert.That(begun.Wait(Soon));
        using var givenUp = new CancellationTokenSource();
        var waiting = stream.WaitToReadAsync().AsTask().WaitAsync(givenUp.Token);
        await givenUp.CancelAsync();
        Assert.That(() => waiting, Throws.InstanceOf<OperationCanceledException>());
        var disposing = stream.DisposeAsync().AsTask();
        Assert.That(disposing.IsCompleted, Is.False, "the session is still in use");
        go.Set();
        await disposing.WaitAsync(Soon);
        Assert.That((await session.CompleteAsync("a", Tokens(2))).Tokens, Has.Length.EqualTo(2));
    }

    [Test]
    public async Task ARestoreThatIsGivenUpHoldsNothing()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ReusePrefixes = false });
        using var saved = new MemoryStream();
        using (var session = model.CreateSession())
        {
            await session.CompleteAsync("abc", Tokens(40));
            await session.SaveAsync(saved);
        }

        saved.Position = 0;
        using var begun = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        var running = model.CompleteAsync("b", Tokens(2, new Act(_ =>
        {
            begun.Set();
            go.Wait(Soon);
        })));
        Assert.That(begun.Wait(Soon));
        using var givenUp = new CancellationTokenSource();
        var restoring = model.RestoreSessionAsync(saved, givenUp.Token);
        Assert.That(() => saved.Position == saved.Length, Is.True.After(20_000, 10), "it is read, and waits for the engine");
        await Task.Delay(100);
        await givenUp.CancelAsync();
        Assert.That(() => restoring, Throws.InstanceOf<OperationCanceledException>());
        go.Set();
        await running;
        await model.CompleteAsync("b", Tokens(1));
        Assert.That(model.Engine.Statistics.UsedPages, Is.Zero);
    }

    [Test]
    public async Task ADeviceThatFailsWhenItIsReadEndsThatStepOnly()
    {
        var device = new WatchedDevice();
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact, device);
        device.OnRead = static () => throw new InvalidTimeZoneException();
        Assert.That(() => model.CompleteAsync("a", Tokens(3)).WaitAsync(Soon), Throws.TypeOf<AbiException>().With.Message.Contains("step of the model failed"));
        device.OnRead = null;
        Assert.That((await model.CompleteAsync("a", Tokens(3)).WaitAsync(Soon)).Tokens, Has.Length.EqualTo(3));
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

    private sealed class Progress(Action action) : IProgress<PromptProgress>
    {
        public void Report(PromptProgress value) => action();
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
