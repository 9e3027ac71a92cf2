using System.Collections.Concurrent;
using System.Diagnostics;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Grammars;
using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Engine;

/// <summary>Who is admitted when, who is refused, and who ends before it is done.</summary>
public sealed class SchedulingTests
{
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact };

    private static GenerationOptions Tokens(int count, long seed = 1) => new()
    {
        MaximumTokens = count, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 1, Seed = seed }, LogProbabilities = 0,
    };

    [Test]
    public async Task AHigherPriorityComesFirstAndChangesNoResult()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128, MaximumSequences = 1, ReusePrefixes = false });
        var prompt = TestModels.Ids(20, model.Engine.VocabularySize, 1);
        var alone = await InferenceEngineTests.Run(model, prompt, Tokens(100, seed: 0));
        var ended = new ConcurrentQueue<string>();

        // one that runs, three that wait, one that is more urgent than all; each holds the engine up until the one before it has been read, so that readers cannot overtake each other
        var gate = new Gate();
        Task urgent = Task.CompletedTask;
        var running = Read("running", Tokens(100, seed: 0) with
        {
            Sampling = new SamplingOptions { Temperature = 1, Seed = 0, Processors = [gate, new After(() => urgent, prompt.Length + 90)] }, BufferedTokens = 200,
        });
        await WaitUntil(() => model.Engine.Statistics.Active == 1);
        List<Task> waiting = [];
        for (var i = 0; i < 3; i++)
        {
            var before = i == 0 ? running : waiting[^1];
            waiting.Add(Read($"low {i}", Tokens(3) with { Priority = -1, Sampling = new SamplingOptions { Temperature = 1, Seed = i, Processors = [new After(() => before)] } }));
        }

        urgent = Read("urgent", Tokens(3) with { Priority = 5 });
        gate.Open();
        await Task.WhenAll([urgent, running, .. waiting]);
        Assert.That(ended, Is.EqualTo(new[] { "urgent", "running", "low 0", "low 1", "low 2" }));
        Assert.That((await running).Ids, Is.EqualTo(alone.Ids));
        Assert.That((await running).Scores, Is.EqualTo(alone.Scores), "it gave its place away and was computed anew");
        Assert.That(model.Engine.Statistics.Preemptions, Is.EqualTo(1));

        async Task<(int[] Ids, float[] Scores)> Read(string name, GenerationOptions options)
        {
            var result = await InferenceEngineTests.Run(model, prompt, options);
            ended.Enqueue(name);
            return result;
        }
    }

    [Test]
    public async Task WhoeverWaitsForRoomJoinsAPromptThatAnotherHasComputedMeanwhile()
    {
        // pages of two prompts do not fit together; of one, which both have, they do
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 256, CacheTokens = 8 * StateStore.PageLength, MaximumRows = StateStore.PageLength });
        var prompt = TestModels.Ids((5 * StateStore.PageLength) + 1, model.Engine.VocabularySize, 1);
        List<int> order = []; // on the engine's thread
        var gate = new Gate();
        var before = InferenceEngineTests.Run(model, [1, 2], Tokens(1) with { Sampling = new SamplingOptions { Temperature = 1, Seed = 1, Processors = [gate] } });
        await WaitUntil(() => model.Engine.Statistics.Active == 1);
        var first = Read(1, Tokens(2 * StateStore.PageLength - 4));
        var second = Read(2, Tokens(2));
        gate.Open();
        await Task.WhenAll(before, first, second);
        Assert.That(order.LastIndexOf(2), Is.InRange(1, order.LastIndexOf(1)), "the second ended while the first went on");

        Task Read(int who, GenerationOptions options) =>
            InferenceEngineTests.Run(model, prompt, options with { Sampling = new SamplingOptions { Temperature = 0, Processors = [new Note(who, order)] } });
    }

    [TestCase("llama.gguf")]
    [TestCase("mamba.gguf")]
    public async Task PrioritiesAtRandomGiveTheBitsOfEachRequestAlone(string file)
    {
        const int Requests = 20;
        var alone = new (int[] Ids, float[] Scores)[Requests];
        int[][] prompts;
        await using (var model = await TestModels.LoadAsync("models", file, Exact with { ContextLength = 256, ReusePrefixes = false }))
        {
            prompts = [.. Enumerable.Range(0, Requests).Select(i => TestModels.Ids(3 + (i * 37 % 90), model.Engine.VocabularySize, i))];
            for (var i = 0; i < Requests; i++)
            {
                alone[i] = await InferenceEngineTests.Run(model, prompts[i], Tokens(12, i));
            }
        }

        await using var crowd = await TestModels.LoadAsync("models", file, Exact with { ContextLength = 256, CacheTokens = 320, MaximumRows = 24, MaximumSequences = 5, MaximumPromptRowsBesideDecode = 11 });
        var random = new Random(3);
        var together = await Task.WhenAll(Enumerable.Range(0, Requests).Select(async i =>
        {
            var priority = random.Next(-2, 3);
            await Task.Delay(random.Next(15));
            return await InferenceEngineTests.Run(crowd, prompts[i], Tokens(12, i) with { Priority = priority });
        }));
        for (var i = 0; i < Requests; i++)
        {
            Assert.That(together[i].Ids, Is.EqualTo(alone[i].Ids), $"request {i}");
            Assert.That(together[i].Scores, Is.EqualTo(alone[i].Scores), $"request {i}, to the bit");
        }
    }

    [Test]
    public async Task MoreThanMayWaitAreRefusedBeforeAnythingIsBegun()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128, MaximumSequences = 2, QueueLimit = 3 });
        var prompt = TestModels.Ids(4, model.Engine.VocabularySize, 1);
        var slow = Tokens(60) with { BufferedTokens = 60 };
        using var session = model.CreateSession();
        var gate = new Gate(() => model.Engine.Statistics.Active == 2); // it would hold up the engine, which has to admit the second, too
        var streams = new List<GenerationStream>();
        for (var i = 0; i < 2; i++)
        {
            streams.Add(model.Engine.Start(prompt, Tokens(100) with { Sampling = new SamplingOptions { Processors = [gate] } }));
        }

        await WaitUntil(() => model.Engine.Statistics.Active == 2);
        for (var i = 0; i < 3; i++)
        {
            streams.Add(model.Engine.Start(prompt, slow));
        }

        var error = Assert.Throws<QueueFullException>(() => session.Start(prompt, slow));
        Assert.That((error!.Limit, session.Count), Is.EqualTo((3, 0)), "the session is as before");
        Assert.That(error.Message, Does.Contain(nameof(EngineOptions.QueueLimit)));
        gate.Open();
        streams[0].Cancel();
        foreach (var stream in streams.Skip(1))
        {
            await InferenceEngineTests.Read(stream);
        }

        Assert.That((await InferenceEngineTests.Read(session.Start(prompt, slow))).Ids, Has.Length.EqualTo(60));
        await streams[0].DisposeAsync();
    }

    [Test]
    public async Task WithoutAQueueWhatFindsNoPlaceIsRefused()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 64, MaximumSequences = 1, QueueLimit = 0 });
        await using var running = model.Engine.Start([3], Tokens(40) with { BufferedTokens = 1 });
        Assert.That(() => model.Engine.Start([3], Tokens(1)), Throws.TypeOf<QueueFullException>());
        Assert.That((await InferenceEngineTests.Read(running)).Ids, Has.Length.EqualTo(40));
        Assert.That((await InferenceEngineTests.Run(model, [3], Tokens(2))).Ids, Has.Length.EqualTo(2));
    }

    [Test]
    public async Task AStreamThatNobodyReadsTakesNoPlaceInTheQueue()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 64, MaximumSequences = 1, QueueLimit = 1 });
        await using var forgotten = model.Engine.Start([3], Tokens(40) with { BufferedTokens = 1 });
        await WaitUntil(() => forgotten.IsFull);
        for (var i = 0; i < 3; i++)
        {
            Assert.That((await InferenceEngineTests.Run(model, [3], Tokens(2))).Ids, Has.Length.EqualTo(2)); // takes the other's place
        }

        Assert.That((await InferenceEngineTests.Read(forgotten)).Ids, Has.Length.EqualTo(40));
    }

    [Test]
    public async Task TheTimeLimitEndsWithWhatThereIsAndSaysSo()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128, TimeLimit = TimeSpan.FromMinutes(10) });
        using var session = model.CreateSession();
        var endless = Tokens(1) with { MaximumTokens = null, ContextFull = ContextFullPolicy.Shift, TimeLimit = TimeSpan.FromMilliseconds(60) };
        var start = Stopwatch.GetTimestamp();
        await using (var stream = session.Start([3, 4, 5], endless))
        {
            var tokens = (await InferenceEngineTests.Read(stream)).Ids.Length;
            Assert.That(stream.Outcome!.FinishReason, Is.EqualTo(FinishReason.TimeLimit));
            Assert.That(stream.Outcome.Usage.GeneratedTokens, Is.EqualTo(tokens));
        }

        Assert.That(Stopwatch.GetElapsedTime(start), Is.GreaterThanOrEqualTo(TimeSpan.FromMilliseconds(55)).And.LessThan(TimeSpan.FromSeconds(30)));
        Assert.That((await InferenceEngineTests.Read(session.Start([], Tokens(4) with { ContextFull = ContextFullPolicy.Shift }))).Ids, Has.Length.EqualTo(4), "the session goes on, however full it is");

        // a reader that does not read, and a text that the grammar has not ended
        var result = await model.CompleteAsync(new[] { 3, 4 }, endless with
        {
            Grammar = Grammar.FromGbnf("root ::= [a-z ]+ \"#\" [0-9]{2000}"), IgnoreEndOfGeneration = false, Sampling = new SamplingOptions { Processors = [new Slow()] },
        });
        Assert.That((result.Outcome.FinishReason, result.Outcome.IsGrammarComplete), Is.EqualTo((FinishReason.TimeLimit, (bool?)false)));
        await using var unread = model.Engine.Start([3], endless with { BufferedTokens = 1 });
        await WaitUntil(() => unread.Outcome is not null);

        Assert.That(unread.Outcome!.FinishReason, Is.EqualTo(FinishReason.TimeLimit));
        Assert.That(model.Engine.Statistics.Active, Is.Zero);
        Assert.That(() => model.Engine.Start([3], Tokens(1) with { TimeLimit = TimeSpan.Zero }), Throws.ArgumentException.With.Message.Contains("TimeLimit"));
    }

    [Test]
    public void NoLimitOfTimeIsSetUnlessTheCallerSetsIt()
    {
        // every option of the assembly that is a time, whichever class it is in
        var options = typeof(LanguageModel).Assembly.GetExportedTypes().Where(type => type.Name.EndsWith("Options", StringComparison.Ordinal) && type.GetConstructor(Type.EmptyTypes) is not null).ToList();
        var times = options.SelectMany(type => type.GetProperties().Where(property => property.PropertyType == typeof(TimeSpan) || property.PropertyType == typeof(TimeSpan?)).Select(property => (type, property))).ToList();
        Assert.That(times.Select(time => time.property.Name), Does.Contain("TimeLimit").And.Contain("CallTimeout"));
        foreach (var (type, property) in times.Where(time => time.type.Namespace != "Abi.Llm.Downloads")) // a download's are those of its connection
        {
            Assert.That(property.GetValue(Activator.CreateInstance(type)), Is.Null.Or.EqualTo(Timeout.InfiniteTimeSpan), $"{type.Name}.{property.Name}");
        }
    }

    [Test]
    public async Task TheEnginesTokenLimitIsEverybodys()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128, TokenLimit = 5 });
        var result = await model.CompleteAsync(new[] { 3 }, Tokens(1) with { MaximumTokens = null });
        Assert.That((result.Tokens.Length, result.Outcome.FinishReason), Is.EqualTo((5, FinishReason.Length)));
        Assert.That((await model.CompleteAsync(new[] { 3 }, Tokens(3))).Tokens, Has.Length.EqualTo(3));
    }

    [Test]
    public async Task EveryoneWhoGeneratesGoesOnAtTheSamePace()
    {
        // more sequences than rows, and prompts that keep coming: nobody stalls, and prompts get their turn beside those that generate
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128, CacheTokens = 2048, MaximumSequences = 16, MaximumRows = 9, MaximumPromptRowsBesideDecode = 4 });
        var order = new List<int>(); // the engine's thread writes it
        var gate = new Gate();
        var prompt = TestModels.Ids(3, model.Engine.VocabularySize, 1);
        var first = Enumerable.Range(0, 8).Select(i => Read(i, prompt, 60)).ToList();
        var late = Read(8, TestModels.Ids(40, model.Engine.VocabularySize, 2), 4);
        gate.Open();
        await Task.WhenAll(first.Append(late));
        var counts = new int[9];
        var spread = 0;
        foreach (var who in order)
        {
            counts[who]++;
            spread = Math.Max(spread, counts[..8].Max() - counts[..8].Min());
        }

        Assert.That(counts, Is.EqualTo(new[] { 60, 60, 60, 60, 60, 60, 60, 60, 4 }));
        Assert.That(model.Engine.Statistics.Steps, Is.LessThan(60 * 3), "they went on together");
        var lastOfLate = order.Select((who, at) => (who, at)).Last(entry => entry.who == 8).at;
        Assert.That(lastOfLate, Is.LessThan(order.Count - 50), "the late prompt did not wait for the others to end");
        TestContext.Out.WriteLine($"tokens between the first and the last of those that generate: {spread} at most");

        Task Read(int who, int[] ids, int tokens) =>
            InferenceEngineTests.Run(model, ids, Tokens(tokens) with { BufferedTokens = tokens, Sampling = new SamplingOptions { Temperature = 1, Seed = who, Processors = [gate, new Note(who, order)] } });
    }

    [Test]
    public async Task ThousandsOfRequestsWaitAndAllEnd()
    {
        const int Requests = 4000;
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 64, CacheTokens = 512, MaximumSequences = 16 });
        var prompts = Enumerable.Range(0, 8).Select(i => TestModels.Ids(2 + i, model.Engine.VocabularySize, i)).ToArray();
        var expected = new int[prompts.Length][];
        for (var i = 0; i < prompts.Length; i++)
        {
            expected[i] = (await InferenceEngineTests.Run(model, prompts[i], Tokens(2, i))).Ids;
        }

        using var stop = new CancellationTokenSource();
        var gate = new Gate(); // nobody ends before the others wait
        var held = InferenceEngineTests.Run(model, prompts[0], Tokens(1) with { Sampling = new SamplingOptions { Temperature = 1, Processors = [gate] } });
        var tasks = Enumerable.Range(0, Requests).Select(i => InferenceEngineTests.Read(model.Engine.Start(prompts[i % 8], Tokens(2, i % 8), i % 10 == 9 ? stop.Token : default))).ToList();
        await stop.CancelAsync();
        gate.Open();
        await held;
        var cancelled = 0;
        for (var i = 0; i < Requests; i++)
        {
            try
            {
                Assert.That((await tasks[i]).Ids, Is.EqualTo(expected[i % 8]));
            }
            catch (OperationCanceledException)
            {
                Assert.That(i % 10, Is.EqualTo(9));
                cancelled++;
            }
        }

        Assert.That(cancelled, Is.GreaterThan(0));
        var statistics = model.Engine.Statistics;
        Assert.That((statistics.Active, statistics.Waiting, statistics.UsedPages), Is.EqualTo((0, 0, 0)));
    }

    [Test]
    public async Task MemoryBoundsThoseThatRunTogether()
    {
        // pages for four sequences of two pages each
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 192, CacheTokens = 256, ReusePrefixes = false });
        var most = 0;
        var look = new SamplingOptions { Processors = [new Look(() =>
        {
            var now = model.Engine.Statistics;
            most = Math.Max(most, now.Active);
            Assert.That(now.UsedPages, Is.LessThanOrEqualTo(now.TotalPages));
        })] };
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => InferenceEngineTests.Run(model, TestModels.Ids(40, model.Engine.VocabularySize, i), Tokens(10, i) with { Sampling = look })));
        Assert.That(most, Is.InRange(2, 4));
        Assert.That(model.Engine.Statistics.Preemptions, Is.Zero, "they were admitted as far as there was room, and none had to give any back");
    }

    [TestCase(192)]
    [TestCase(256)]
    [TestCase(320)]
    [TestCase(512)]
    public async Task ThoseThatWaitHoldNoMemoryAndAllEnd(int cacheTokens)
    {
        // any one of them fits, and what was computed of those that lost their place is known: pages that one holds while it waits are missing to the one that is next
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 192, CacheTokens = cacheTokens });
        var prompts = Enumerable.Range(0, 24).Select(i => TestModels.Ids(20 + (i * 7 % 40), model.Engine.VocabularySize, i)).ToArray();
        var together = await Task.WhenAll(prompts.Select((prompt, i) => InferenceEngineTests.Run(model, prompt, Tokens(40 + (i * 13 % 90), i))));
        Assert.That(model.Engine.Statistics.Preemptions, Is.GreaterThan(0));
        Assert.That(together.Select((run, i) => run.Ids.Length - 40 - (i * 13 % 90)), Is.All.Zero);
    }

    [Test]
    public async Task ForksThatWaitHoldNoMemoryEither()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 192, CacheTokens = 192, MaximumSequences = 2, ReusePrefixes = false });
        var sessions = new List<InferenceSession>();
        for (var i = 0; i < 6; i++)
        {
            using var first = model.CreateSession();
            await InferenceEngineTests.Read(first.Start(TestModels.Ids(30, model.Engine.VocabularySize, i), Tokens(10, i)));
            sessions.Add(first.Fork());
        }

        // each fork's request comes before the engine has made the fork, and needs all pages but one
        var forks = sessions.Select(session => session.Fork()).ToList();
        var runs = await Task.WhenAll(forks.Select((fork, i) => InferenceEngineTests.Read(fork.Start([], Tokens(100, i)))));
        Assert.That(runs.Select(run => run.Ids.Length), Is.All.EqualTo(100));
        sessions.Concat(forks).ToList().ForEach(session => session.Dispose());
        await WaitUntil(() => model.Engine.Statistics is { UsedPages: 0, IdleSequences: 0 });
    }

    /// <summary>Guesses fill a step that is as small as this one; whoever has more of them than there are rows would leave none to others until its end.</summary>
    [Test]
    public async Task GuessesOfOneTakeNoRowThatAnotherGoesOnWith()
    {
        const int Length = 100;
        using var device = new CannedDevice();
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128, MaximumSequences = 4, MaximumRows = 8 }, device);
        List<int> order = []; // on the engine's thread
        var gate = new Gate();
        var streams = new List<GenerationStream>();
        int[] text = [.. Enumerable.Range(0, 8 + Length).Select(Round.Token)]; // guessed right from the beginning on
        for (var i = 0; i < 4; i++)
        {
            ILogitProcessor[] processors = [new Round(), new Note(i, order)];
            streams.Add(model.Engine.Start(text.AsSpan(0, 8), new GenerationOptions
            {
                MaximumTokens = Length, BufferedTokens = Length, IgnoreEndOfGeneration = true, Speculation = new SpeculationOptions { MaximumTokens = 7 },
                Sampling = new SamplingOptions { Temperature = 0, Processors = i == 0 ? [gate, .. processors] : [.. processors] },
            }));
        }

        gate.Open();
        foreach (var stream in streams)
        {
            Assert.That((await InferenceEngineTests.Read(stream)).Ids, Is.EqualTo(text[8..]));
            Assert.That(stream.Outcome!.AcceptedTokens, Is.GreaterThan(0));
            await stream.DisposeAsync();
        }

        for (var i = 1; i < 4; i++)
        {
            Assert.That(order.Take(order.LastIndexOf(0)).Count(who => who == i), Is.GreaterThan(5), $"tokens of {i} before the end of the first");
        }
    }

    [Test]
    public async Task AnEvaluationThatGaveItsPlaceAwayHandsOverEachTokenOnce()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128, MaximumSequences = 1, MaximumRows = 8, ReusePrefixes = false });
        var ids = TestModels.Ids(40, model.Engine.VocabularySize, 1);
        var alone = await model.ComputeLogitsAsync(ids, all: true);
        var positions = new List<int>();
        var logits = new List<float>();
        GenerationStream? urgent = null;
        await model.Engine.EvaluateAsync(ids, 3, (position, row) =>
        {
            positions.Add(position);
            logits.AddRange(row);
            if (position == 20 && urgent is null)
            {
                urgent = model.Engine.Start([3], Tokens(2) with { Priority = 1 });
            }
        });
        Assert.That((await InferenceEngineTests.Read(urgent!)).Ids, Has.Length.EqualTo(2));
        Assert.That(model.Engine.Statistics.Preemptions, Is.EqualTo(1));
        Assert.That(positions, Is.EqualTo(Enumerable.Range(3, 37)));
        Assert.That(logits, Is.EqualTo(alone[(3 * model.Engine.VocabularySize)..]), "to the bit");
    }

    private static async Task WaitUntil(Func<bool> condition)
    {
        for (var i = 0; i < 3000 && !condition(); i++)
        {
            await Task.Delay(10);
        }

        Assert.That(condition(), Is.True, "after 30 seconds");
    }

    /// <summary>Looks at every token.</summary>
    private sealed class Look(Action look) : ILogitProcessor
    {
        public void Process(ReadOnlySpan<int> history, Span<float> logits) => look();
    }

    /// <summary>Holds a sequence up, from a length on, until a task is done.</summary>
    private sealed class After(Func<Task> task, int length = 0) : ILogitProcessor
    {
        public void Process(ReadOnlySpan<int> history, Span<float> logits)
        {
            if (history.Length >= length)
            {
                task().Wait(TimeSpan.FromSeconds(10));
            }
        }
    }

    /// <summary>Notes whose token is chosen.</summary>
    private sealed class Note(int who, List<int> order) : ILogitProcessor
    {
        public void Process(ReadOnlySpan<int> history, Span<float> logits) => order.Add(who);
    }

    /// <summary>Has eight tokens follow each other for ever.</summary>
    private sealed class Round : ILogitProcessor
    {
        public static int Token(int position) => 5 + (position % 8);

        public void Process(ReadOnlySpan<int> history, Span<float> logits) => logits[Token(history.Length)] = 1000;
    }

    /// <summary>A token a millisecond at most.</summary>
    private sealed class Slow : ILogitProcessor
    {
        public void Process(ReadOnlySpan<int> history, Span<float> logits) => Thread.Sleep(1);
    }

    /// <summary>Holds a sequence up until it is opened, once a condition holds.</summary>
    private sealed class Gate(Func<bool>? condition = null) : ILogitProcessor
    {
        private readonly TaskCompletionSource _opened = new();

        public void Open() => _opened.TrySetResult();

        public void Process(ReadOnlySpan<int> history, Span<float> logits)
        {
            if (condition is null || condition())
            {
                _opened.Task.Wait(TimeSpan.FromSeconds(30));
            }
            else
            {
                Thread.Sleep(1); // not far
            }
        }
    }
}
