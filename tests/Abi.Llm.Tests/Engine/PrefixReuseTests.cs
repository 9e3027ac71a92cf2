using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Engine;

/// <summary>Prefixes that were computed once are not computed again, and nobody can tell by the results.</summary>
public sealed class PrefixReuseTests
{
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact };

    private static GenerationOptions Tokens(int count, long seed = 1) => new()
    {
        MaximumTokens = count, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 1, Seed = seed }, LogProbabilities = 0,
    };

    [TestCase("llama.gguf")]
    [TestCase("gemma3.gguf")]
    public async Task ARepeatedPromptIsTakenFromTheFirst(string file)
    {
        await using var model = await TestModels.LoadAsync("models", file, Exact with { ContextLength = 256 });
        var prompt = TestModels.Ids(100, model.Engine.VocabularySize, 1);
        var first = await Run(model, prompt, Tokens(6));
        Assert.That(first.Outcome.Usage.CachedTokens, Is.Zero);
        Assert.That(model.Engine.Statistics.UsedPages, Is.Zero);
        Assert.That(model.Engine.Statistics.ReusablePages, Is.EqualTo(3));

        var second = await Run(model, prompt, Tokens(6));
        Assert.That(second.Outcome.Usage.CachedTokens, Is.EqualTo(96));
        Assert.That(second.Outcome.Timings.PromptTokensComputed, Is.EqualTo(4));
        Assert.That(second.Bits, Is.EqualTo(first.Bits));

        // a prompt of whole pages leaves one token to compute, whose logits are needed
        var whole = await Run(model, prompt[..96], Tokens(6));
        Assert.That(whole.Outcome.Usage.CachedTokens, Is.EqualTo(64));
    }

    [Test]
    public async Task ScoringComputesEveryTokenThatItReads()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 256 });
        var ids = TestModels.Ids(100, model.Engine.VocabularySize, 1);
        var first = await model.ComputeLogitsAsync(ids, all: true);
        Assert.That(await model.ComputeLogitsAsync(ids, all: true), Is.EqualTo(first));
        Assert.That(await model.ComputeLogitsAsync(ids), Is.EqualTo(first[^model.Engine.VocabularySize..]));
    }

    [Test]
    public async Task RequestsThatComeTogetherComputeTheirPrefixOnce()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 256, MaximumRows = 48 });
        var prefix = TestModels.Ids(130, model.Engine.VocabularySize, 1);
        var results = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => Run(model, [.. prefix, .. TestModels.Ids(10, model.Engine.VocabularySize, 50 + i)], Tokens(4, i))));
        Assert.That(results.Select(result => result.Outcome.Usage.CachedTokens).Order(), Is.EqualTo(new[] { 0, 128, 128, 128, 128 }));
    }

    [TestCase("llama.gguf")]
    [TestCase("gemma3.gguf")]
    [TestCase("mamba.gguf")]
    [TestCase("t5.gguf")]
    public async Task RandomSchedulesGiveTheBitsOfEachRequestAlone(string file)
    {
        const int Requests = 24;
        var random = new Random(7);
        var (prompts, alone) = (new int[Requests][], new float[Requests][]);
        await using (var model = await TestModels.LoadAsync("models", file, Exact with { ContextLength = 256, ReusePrefixes = false }))
        {
            var trunk = TestModels.Ids(160, model.Engine.VocabularySize, 3);
            for (var i = 0; i < Requests; i++)
            {
                prompts[i] = [.. trunk[..random.Next(1, trunk.Length)], .. TestModels.Ids(random.Next(1, 40), model.Engine.VocabularySize, random.Next(4))];
                alone[i] = (await Run(model, prompts[i], Tokens(1 + (i % 9), i))).Bits;
            }
        }

        // room for about two contexts: prefixes are evicted, requests preempted, and who follows whom changes all the time
        await using var crowd = await TestModels.LoadAsync("models", file, Exact with { ContextLength = 256, CacheTokens = 600, MaximumRows = 40, MaximumPromptRowsBesideDecode = 17, MaximumSequences = 6 });
        for (var round = 0; round < 2; round++)
        {
            var together = await Task.WhenAll(Enumerable.Range(0, Requests).Select(async i =>
            {
                await Task.Yield();
                return await Run(crowd, prompts[i], Tokens(1 + (i % 9), i));
            }));
            for (var i = 0; i < Requests; i++)
            {
                Assert.That(together[i].Bits, Is.EqualTo(alone[i]), $"request {i} of round {round}");
            }
        }

        Assert.That(crowd.Engine.Statistics.UsedPages, Is.Zero);
    }

    /// <summary>Room for twelve pages of 32 tokens; a text of 106 tokens takes four and leaves its three full ones to who begins alike. All that is held is counted, page by page, on the way.</summary>
    [Test]
    public async Task TheLeastRecentlyUsedPrefixIsGivenUpFirst()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 128, CacheTokens = 384 });
        var (a, b, c, d) = (Prompt(1), Prompt(2), Prompt(3), Prompt(4));
        Assert.That(model.Engine.Statistics.TotalPages, Is.EqualTo(12));

        // three texts leave nine pages, three are free
        Assert.That(await CachedAsync(a, reusableMeanwhile: 0, reusableAfter: 3), Is.Zero);
        Assert.That(await CachedAsync(b, reusableMeanwhile: 3, reusableAfter: 6), Is.Zero);
        Assert.That(await CachedAsync(c, reusableMeanwhile: 6, reusableAfter: 9), Is.Zero);

        // a is used again: its pages are the sequence's while it runs, and one more is taken for its end
        Assert.That(await CachedAsync(a, reusableMeanwhile: 6, reusableAfter: 9), Is.EqualTo(96));

        // d needs four: one more than are free. b, used least recently, loses its last page, a and c nothing
        Assert.That(await CachedAsync(d, reusableMeanwhile: 8, reusableAfter: 11), Is.Zero);
        Assert.That(await CachedAsync(a, reusableMeanwhile: 8, reusableAfter: 11), Is.EqualTo(96));
        Assert.That(await CachedAsync(c, reusableMeanwhile: 8, reusableAfter: 11), Is.EqualTo(96));

        // b finds two pages and needs two more of which one is free: now d is the one used least recently
        Assert.That(await CachedAsync(b, reusableMeanwhile: 8, reusableAfter: 11), Is.EqualTo(64));
        Assert.That(await CachedAsync(a, reusableMeanwhile: 8, reusableAfter: 11), Is.EqualTo(96));
        Assert.That(await CachedAsync(c, reusableMeanwhile: 8, reusableAfter: 11), Is.EqualTo(96));
        Assert.That(await CachedAsync(d, reusableMeanwhile: 8, reusableAfter: 11), Is.EqualTo(64));

        int[] Prompt(int seed) => TestModels.Ids(100, model.Engine.VocabularySize, seed);

        // runs a text and gives how many of its tokens were found; looks at the engine while the text waits for its reader, and afterwards
        async Task<int> CachedAsync(int[] prompt, int reusableMeanwhile, int reusableAfter)
        {
            await using var stream = model.Engine.Start(prompt, Tokens(6) with { BufferedTokens = 2 });
            Assert.That(SpinWait.SpinUntil(() => model.Engine.Statistics.UsedPages == 4, 10_000), Is.True, "the whole prompt is in pages");
            var meanwhile = model.Engine.Statistics;
            Assert.That((meanwhile.UsedPages, meanwhile.ReusablePages), Is.EqualTo((4, reusableMeanwhile)), "while it runs");
            Assert.That(meanwhile.UsedStateBytes, Is.EqualTo(4 * meanwhile.TotalStateBytes / meanwhile.TotalPages));
            var result = await Read(stream);
            var after = model.Engine.Statistics;
            Assert.That((after.UsedPages, after.UsedStateBytes, after.ReusablePages), Is.EqualTo((0, 0L, reusableAfter)), "when it has ended");
            return result.Outcome.Usage.CachedTokens;
        }
    }

    [Test]
    public async Task SessionsForksAndRewindsShareToo()
    {
        await using var model = await TestModels.LoadAsync("models", "gemma3.gguf", Exact with { ContextLength = 256 });
        var prompt = TestModels.Ids(100, model.Engine.VocabularySize, 1);
        var plain = await Run(model, prompt, Tokens(20));
        using var session = model.CreateSession();
        var again = await Read(session.Start(prompt, Tokens(20)));
        Assert.That(again.Bits, Is.EqualTo(plain.Bits));
        Assert.That(again.Outcome.Usage.CachedTokens, Is.EqualTo(96));
        using var fork = session.Fork();
        fork.Rewind(70);
        session.Rewind(70);
        await Read(fork.Start(TestModels.Ids(40, model.Engine.VocabularySize, 2), Tokens(3)));
        var end = await Read(session.Start(prompt.AsSpan(70), Tokens(20)));
        Assert.That(end.Bits, Is.EqualTo(plain.Bits));
    }

    private static Task<Result> Run(LanguageModel model, int[] prompt, GenerationOptions options) => Read(model.Engine.Start(prompt, options));

    private static async Task<Result> Read(GenerationStream stream)
    {
        var tokens = new List<GeneratedToken>();
        GenerationOutcome? outcome = null;
        await foreach (var piece in stream.ReadPiecesAsync())
        {
            tokens.AddRange(piece.Tokens);
            outcome = piece.Outcome;
        }

        return new Result([.. tokens.SelectMany(token => new[] { token.Id, token.LogProbability })], outcome!);
    }

    private sealed record Result(float[] Bits, GenerationOutcome Outcome);
}
