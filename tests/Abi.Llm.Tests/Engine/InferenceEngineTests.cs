using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Engine;

/// <summary>The engine's promises, on small random models: company, chunks, forks, rewinds, preemption and cancellation never change a result.</summary>
public sealed class InferenceEngineTests
{
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact };

    private static GenerationOptions Tokens(int count, long seed = 1, float temperature = 1) => new()
    {
        MaximumTokens = count, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = temperature, Seed = seed }, LogProbabilities = 0,
    };

    [TestCase("llama.gguf")]
    [TestCase("gemma3.gguf")]
    public async Task RequestsTogetherGiveTheBitsOfEachAlone(string file)
    {
        int[][] prompts;
        (int[] Ids, float[] Scores)[] alone;
        await using (var model = await TestModels.LoadAsync("models", file))
        {
            prompts = [.. Enumerable.Range(0, 6).Select(i => TestModels.Ids(3 + (i * 17), model.Engine.VocabularySize, i))];
            alone = new (int[], float[])[prompts.Length];
            for (var i = 0; i < prompts.Length; i++)
            {
                alone[i] = await Run(model, prompts[i], Tokens(12, seed: i));
            }
        }

        // chunks of 16 rows, few beside decode, and a cache so small that requests preempt each other
        await using var crowd = await TestModels.LoadAsync("models", file, Exact with { ContextLength = 128, CacheTokens = 192, MaximumRows = 16, MaximumPromptRowsBesideDecode = 5 });
        var together = await Task.WhenAll(prompts.Select((prompt, i) => Run(crowd, prompt, Tokens(12, seed: i))));
        for (var i = 0; i < prompts.Length; i++)
        {
            Assert.That(together[i].Ids, Is.EqualTo(alone[i].Ids), $"request {i}");
            Assert.That(together[i].Scores, Is.EqualTo(alone[i].Scores), $"request {i}, to the bit");
        }

        var statistics = crowd.Engine.Statistics;
        Assert.That(statistics.UsedPages, Is.Zero);
        Assert.That(statistics.UsedStateBytes, Is.Zero);
    }

    [TestCase("llama.gguf")]
    public async Task AForkARewindAndALostStateGoOnAsIfNothingHadBeen(string file)
    {
        await using var model = await TestModels.LoadAsync("models", file);
        var prompt = TestModels.Ids(40, model.Engine.VocabularySize, 4);
        var plain = await Run(model, prompt, Tokens(20));

        using var session = model.CreateSession();
        var first = await Read(session.Start(prompt, Tokens(8)));
        Assert.That(first.Ids, Is.EqualTo(plain.Ids[..8]));
        using var fork = session.Fork();
        var other = await Read(fork.Start(TestModels.Ids(5, model.Engine.VocabularySize, 9), Tokens(5)));
        Assert.That(other.Ids, Has.Length.EqualTo(5));

        session.Rewind(prompt.Length);
        var again = await Read(session.Start([], Tokens(20)));
        Assert.That(again.Ids, Is.EqualTo(plain.Ids));
        Assert.That(again.Scores, Is.EqualTo(plain.Scores));

        fork.Rewind(prompt.Length);
        Assert.That((await Read(fork.Start([], Tokens(20)))).Ids, Is.EqualTo(plain.Ids));
        Assert.That(session.GetIds(), Is.EqualTo(prompt.Concat(plain.Ids).ToArray()));
    }

    [Test]
    public async Task MakingASessionTakesAFewHundredBytesAndNoStep()
    {
        const int Sessions = 1000;
        await using var model = await TestModels.LoadAsync("models", "llama.gguf");
        var sessions = new List<InferenceSession>(Sessions + 1) { model.CreateSession() };
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Sessions; i++)
        {
            sessions.Add(model.CreateSession());
        }

        var bytes = (GC.GetAllocatedBytesForCurrentThread() - before) / Sessions;
        await TestContext.Out.WriteLineAsync($"{bytes} bytes a session");
        Assert.That(bytes, Is.LessThan(1024));
        var statistics = model.Engine.Statistics;
        Assert.That((statistics.Steps, statistics.UsedPages, statistics.IdleSequences), Is.EqualTo((0L, 0, 0)), "nothing is computed or reserved");
        sessions.ForEach(session => session.Dispose());
    }

    [Test]
    public async Task ASessionComputesOnlyWhatIsNew()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf");
        using var session = model.CreateSession();
        var prompt = TestModels.Ids(30, model.Engine.VocabularySize, 4);
        await using (var stream = session.Start(prompt, Tokens(4)))
        {
            await Read(stream);
            Assert.That(stream.Outcome!.Usage, Is.EqualTo(new GenerationUsage(30, 0, 4)));
        }

        await using (var stream = session.Start(prompt.AsSpan(0, 3), Tokens(2)))
        {
            await Read(stream);
            Assert.That(stream.Outcome!.Usage, Is.EqualTo(new GenerationUsage(3, 33, 2)));
            Assert.That(stream.Outcome.Timings.PromptTokensComputed, Is.EqualTo(4));
        }
    }

    [Test]
    public async Task ASessionGivesTheWholeAnswerToTokensAsItDoesToATextAndAStream()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf");
        var prompt = TestModels.Ids(9, model.Engine.VocabularySize, 4);
        using var first = model.CreateSession();
        var streamed = await Read(first.Start(prompt, Tokens(5)));
        using var second = model.CreateSession();
        var whole = await second.CompleteAsync(prompt, Tokens(5), CancellationToken.None);
        using var third = model.CreateSession();
        var pieces = await third.GenerateAsync(prompt, Tokens(5), CancellationToken.None).ToListAsync();
        Assert.That(whole.Tokens.Select(token => token.Id), Is.EqualTo(streamed.Ids));
        Assert.That(whole.Outcome.Usage, Is.EqualTo(new GenerationUsage(9, 0, 5)));
        Assert.That((string.Concat(pieces.Select(piece => piece.Text)), pieces[^1].Outcome! with { Timings = whole.Outcome.Timings }), Is.EqualTo((whole.Text, whole.Outcome)));

        // nothing to append: it goes on; and a text appended is its tokens appended
        var further = await second.CompleteAsync(ReadOnlyMemory<int>.Empty, Tokens(3));
        Assert.That(further.Tokens.Select(token => token.Id), Is.EqualTo((await Read(first.Start([], Tokens(3)))).Ids));
        var text = await first.CompleteAsync("ab", Tokens(3));
        var ids = new List<int>();
        await foreach (var piece in second.GenerateAsync(model.Tokenizer.Encode("ab", addSpecial: false), Tokens(3)))
        {
            ids.AddRange(piece.Tokens.Select(token => token.Id));
        }

        Assert.That(ids, Is.EqualTo(text.Tokens.Select(token => token.Id)));
        Assert.That(first.GetIds(), Is.EqualTo(second.GetIds()));
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        Assert.That(async () => await second.CompleteAsync(prompt, Tokens(5), cancellationToken: stop.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That((await second.CompleteAsync(ReadOnlyMemory<int>.Empty, Tokens(2))).Tokens, Has.Length.EqualTo(2), "the session goes on");
    }

    [Test]
    public async Task CancellingAPromptLeavesTheSessionUsable()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128, MaximumRows = 8, ReusePrefixes = false });
        var prompt = TestModels.Ids(100, model.Engine.VocabularySize, 4);
        var plain = await Run(model, prompt, Tokens(6));
        using var session = model.CreateSession();
        using var stop = new CancellationTokenSource();
        var options = Tokens(6) with { PromptProgress = new Immediate(progress => { if (progress.Computed >= 24) { stop.Cancel(); } }) };
        Assert.That(async () => await Read(session.Start(prompt, options, stop.Token)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(session.Count, Is.EqualTo(100));
        Assert.That(session.CachedCount, Is.InRange(24, 40));
        Assert.That((await Read(session.Start([], Tokens(6)))).Ids, Is.EqualTo(plain.Ids));
    }

    [Test]
    public async Task LeavingTheLoopEndsTheGeneration()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128 });
        var pieces = 0;
        await foreach (var _ in model.GenerateAsync(TestModels.Ids(3, model.Engine.VocabularySize, 1), new GenerationOptions { IgnoreEndOfGeneration = true }))
        {
            if (++pieces == 3)
            {
                break;
            }
        }

        Assert.That(model.Engine.Statistics.Active, Is.Zero);
        Assert.That(model.Engine.Statistics.UsedPages, Is.Zero);
    }

    [Test]
    public async Task ASlowReaderPausesItsSequenceOnly()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128 });
        var prompt = TestModels.Ids(3, model.Engine.VocabularySize, 1);
        await using var slow = model.Engine.Start(prompt, Tokens(60) with { BufferedTokens = 4 });
        await Run(model, prompt, Tokens(60));
        var (pages, _) = (model.Engine.Statistics.UsedPages, 0);
        Assert.That(pages, Is.EqualTo(1), "the slow one stopped after a few tokens");
        Assert.That((await Read(slow)).Ids, Has.Length.EqualTo(60));
    }

    /// <summary>Readers catch up at any moment of a step's making; what was not reserved for one when it lay behind must not be written.</summary>
    [Test]
    public async Task SlowReadersChangeNoBit()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 192, CacheTokens = 1024, MaximumSequences = 8, ReusePrefixes = false });
        var prompts = Enumerable.Range(0, 8).Select(i => TestModels.Ids(5 + (9 * i), model.Engine.VocabularySize, i)).ToArray();
        var expected = new (int[] Ids, float[] Scores)[prompts.Length];
        for (var i = 0; i < prompts.Length; i++)
        {
            expected[i] = await Run(model, prompts[i], Tokens(50));
        }

        await Task.WhenAll(Enumerable.Range(0, 8).Select(reader => Task.Run(async () =>
        {
            for (var i = reader; i < 800; i += 8)
            {
                var got = await Run(model, prompts[(i + (i / 8)) % 8], Tokens(50) with { BufferedTokens = 1 });
                Assert.That(got.Ids.Zip(got.Scores), Is.EqualTo(expected[(i + (i / 8)) % 8].Ids.Zip(expected[(i + (i / 8)) % 8].Scores)));
            }
        })));
    }

    [Test]
    public async Task ThePolicyDecidesWhatAFullContextMeans()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 64 });
        var prompt = TestModels.Ids(60, model.Engine.VocabularySize, 2);
        var long_ = TestModels.Ids(70, model.Engine.VocabularySize, 2);
        var endless = Tokens(1) with { MaximumTokens = null };

        Assert.That(() => model.Engine.Start(long_, endless), Throws.TypeOf<ContextFullException>());
        var pieces = new List<GeneratedPiece>();
        Assert.That(
            async () =>
            {
                await foreach (var piece in model.GenerateAsync(prompt, endless))
                {
                    pieces.Add(piece);
                }
            },
            Throws.TypeOf<ContextFullException>());
        Assert.That(pieces.Sum(piece => piece.Tokens.Length), Is.EqualTo(5), "what was generated before is delivered");

        var truncated = await model.CompleteAsync(prompt, endless with { ContextFull = ContextFullPolicy.Truncate });
        Assert.That(truncated.Outcome.FinishReason, Is.EqualTo(FinishReason.ContextFull));
        Assert.That(truncated.Tokens, Has.Length.EqualTo(5));
        var cut = await model.CompleteAsync(long_, endless with { ContextFull = ContextFullPolicy.Truncate });
        Assert.That(cut.Tokens, Has.Length.EqualTo(17), "a quarter of the context is left to generate");

        var shifted = await Run(model, prompt, Tokens(30) with { ContextFull = ContextFullPolicy.Shift });
        Assert.That(shifted.Ids, Has.Length.EqualTo(30));

        // exact: after the shift the result is that of a fresh text of the tokens kept
        int[] all = [.. prompt, .. shifted.Ids[..5]];
        var kept = all[((all.Length) / 2)..];
        var fresh = await model.ComputeLogitsAsync(kept);
        var logSum = LogitKernels.LogSumExp(fresh);
        Assert.That(shifted.Scores[5], Is.EqualTo(fresh[shifted.Ids[5]] - logSum));
    }

    [Test]
    public async Task AProcessorThatThrowsFailsItsRequestAlone()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf");
        var prompt = TestModels.Ids(5, model.Engine.VocabularySize, 1);
        var broken = Tokens(5) with { Sampling = new SamplingOptions { Processors = [new Throwing()] } };
        var good = Run(model, prompt, Tokens(30));
        Assert.That(async () => await Run(model, prompt, broken), Throws.TypeOf<InvalidTimeZoneException>());
        Assert.That((await good).Ids, Has.Length.EqualTo(30));
    }

    [Test]
    public async Task DisposalInAnyOrderEndsWhatRuns()
    {
        var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128 });
        var session = model.CreateSession();
        var stream = session.Start(TestModels.Ids(5, model.Engine.VocabularySize, 1), Tokens(100) with { BufferedTokens = 2 });
        await model.DisposeAsync();
        Assert.That(async () => await Read(stream), Throws.TypeOf<ObjectDisposedException>());
        session.Dispose();
        await stream.DisposeAsync();
        await model.DisposeAsync();
        Assert.That(() => session.Start([1]), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public async Task WhatADisposedModelIsAskedForIsRefusedByName()
    {
        var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128 });
        using var session = model.CreateSession();
        await session.CompleteAsync("a", new GenerationOptions { MaximumTokens = 1 });
        using var saved = new MemoryStream();
        await session.SaveAsync(saved);
        saved.Position = 0;
        await model.DisposeAsync();
        Assert.That(() => session.Fork(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => model.CreateSession(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => model.LoadAdapterAsync("adapter.gguf"), Throws.TypeOf<ObjectDisposedException>().With.Message.Contains(nameof(LanguageModel)));
        Assert.That(() => model.RestoreSessionAsync(saved), Throws.TypeOf<ObjectDisposedException>().With.Message.Contains(nameof(LanguageModel)));
        Assert.That(() => model.RestoreSessionAsync("no.session"), Throws.TypeOf<ObjectDisposedException>().With.Message.Contains(nameof(LanguageModel)));
    }

    [Test]
    public async Task MisuseIsSaid()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf");
        using var session = model.CreateSession();
        await using var stream = session.Start([3, 4], Tokens(60) with { BufferedTokens = 1 });
        Assert.That(() => session.Start([5]), Throws.InvalidOperationException.With.Message.Contains("in use"));
        Assert.That(() => session.Rewind(0), Throws.InvalidOperationException);
        Assert.That(() => model.Engine.Start([int.MaxValue]), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => model.Engine.Start([-1]), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public async Task MaximumTokensZeroComputesThePromptAlone()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf");
        using var session = model.CreateSession();
        var result = await Read(session.Start([3, 4, 5], Tokens(0)));
        Assert.That(result.Ids, Is.Empty);
        Assert.That(session.CachedCount, Is.EqualTo(3));
    }

    internal static Task<(int[] Ids, float[] Scores)> Run(LanguageModel model, int[] prompt, GenerationOptions options) => Read(model.Engine.Start(prompt, options));

    internal static async Task<(int[] Ids, float[] Scores)> Read(GenerationStream stream)
    {
        var tokens = new List<GeneratedToken>();
        await foreach (var piece in stream.ReadPiecesAsync())
        {
            tokens.AddRange(piece.Tokens);
        }

        return ([.. tokens.Select(token => token.Id)], [.. tokens.Select(token => token.LogProbability)]);
    }

    private sealed class Immediate(Action<PromptProgress> action) : IProgress<PromptProgress>
    {
        public void Report(PromptProgress value) => action(value);
    }

    private sealed class Throwing : ILogitProcessor
    {
        public void Process(ReadOnlySpan<int> history, Span<float> logits) => throw new InvalidTimeZoneException();
    }
}
