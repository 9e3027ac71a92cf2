using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Engine;

/// <summary>Recurrent state is remembered: rewinds, repeated prompts and forks go on from checkpoints, with the same bits and within their memory.</summary>
public sealed class CheckpointTests
{
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact, ContextLength = 512, CheckpointInterval = 32 };

    private static GenerationOptions Tokens(int count, long seed = 1) => new()
    {
        MaximumTokens = count, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 1, Seed = seed }, LogProbabilities = 0,
    };

    [Test]
    public async Task ARepeatedPromptComputesItsLastTokenOnly()
    {
        await using var model = await TestModels.LoadAsync("models", "mamba.gguf", Exact);
        var prompt = TestModels.Ids(100, model.Engine.VocabularySize, 1);
        var first = await RunAsync(model.Engine.Start(prompt, Tokens(6)));
        Assert.That(first.Cached, Is.Zero);
        Assert.That(model.Engine.Statistics.UsedStateBytes, Is.Zero, "checkpoints are given up when memory is wanted");
        var second = await RunAsync(model.Engine.Start(prompt, Tokens(6)));
        Assert.That(second.Cached, Is.EqualTo(99));
        Assert.That(second.Bits, Is.EqualTo(first.Bits));

        // another text with the same beginning goes on from the interval before it parts
        var other = await RunAsync(model.Engine.Start([.. prompt.AsSpan(0, 75), .. TestModels.Ids(30, model.Engine.VocabularySize, 2)], Tokens(6)));
        Assert.That(other.Cached, Is.EqualTo(64));

        // the next turn of a chat: the prompt, what was answered, and a new question
        var answer = first.Bits.Where((_, i) => i % 2 == 0).Select(id => (int)id).ToArray();
        var turn = await RunAsync(model.Engine.Start([.. prompt, .. answer, .. TestModels.Ids(9, model.Engine.VocabularySize, 3)], Tokens(6)));
        Assert.That(turn.Cached, Is.EqualTo(105), "all but the last token, which was chosen but not computed");
    }

    [Test]
    public async Task ARewoundSessionGoesOnFromTheLastCheckpoint()
    {
        await using var model = await TestModels.LoadAsync("models", "mamba.gguf", Exact);
        var prompt = TestModels.Ids(100, model.Engine.VocabularySize, 4);
        var plain = await RunAsync(model.Engine.Start(prompt, Tokens(60)));
        using var session = model.CreateSession();
        await RunAsync(session.Start(prompt, Tokens(60)));
        foreach (var (length, cached) in ((int, int)[])[(150, 128), (100, 99), (70, 64), (20, 0)])
        {
            session.Rewind(length);
            var again = await RunAsync(session.Start(length <= 100 ? prompt.AsSpan(length) : [], Tokens(length <= 100 ? 60 : 10)));
            Assert.That(again.Cached, Is.GreaterThanOrEqualTo(cached), $"rewound to {length}");
            if (length <= 100)
            {
                Assert.That(again.Bits, Is.EqualTo(plain.Bits), $"rewound to {length}");
            }
        }
    }

    [Test]
    public async Task AForkCopiesItsStateWhenItWritesIt()
    {
        await using var model = await TestModels.LoadAsync("models", "mamba.gguf", Exact with { ReusePrefixes = false, MaximumSequences = 2 });
        var prompt = TestModels.Ids(40, model.Engine.VocabularySize, 4);
        var plain = await RunAsync(model.Engine.Start(prompt, Tokens(20)));
        using var session = model.CreateSession();
        await RunAsync(session.Start(prompt, Tokens(1)));
        var bytes = model.Engine.Statistics.UsedStateBytes;
        var forks = Enumerable.Range(0, 20).Select(_ => session.Fork()).ToArray();
        await RunAsync(forks[3].Start([], Tokens(1)));
        Assert.That(model.Engine.Statistics.UsedStateBytes, Is.EqualTo(2 * bytes), "twenty forks share one state; the one that went on has its own");
        foreach (var fork in forks[4..8])
        {
            fork.Rewind(40);
            Assert.That((await RunAsync(fork.Start([], Tokens(20)))).Bits, Is.EqualTo(plain.Bits));
        }

        foreach (var fork in forks)
        {
            fork.Dispose();
        }
    }

    [Test]
    public async Task CheckpointsStayWithinTheirMemory()
    {
        await using var model = await TestModels.LoadAsync("models", "mamba.gguf", Exact with { MaximumSequences = 4 });
        var total = model.Engine.Statistics.TotalStateBytes;
        for (var i = 0; i < 40; i++)
        {
            await RunAsync(model.Engine.Start(TestModels.Ids(150, model.Engine.VocabularySize, i), Tokens(2)));
        }

        Assert.That(model.Engine.Statistics.UsedStateBytes, Is.Zero);
        Assert.That(model.Engine.Statistics.TotalStateBytes, Is.EqualTo(total));
        var prompt = TestModels.Ids(150, model.Engine.VocabularySize, 39);
        Assert.That((await RunAsync(model.Engine.Start(prompt, Tokens(2)))).Cached, Is.EqualTo(149), "the newest are kept");
        prompt = TestModels.Ids(150, model.Engine.VocabularySize, 0);
        Assert.That((await RunAsync(model.Engine.Start(prompt, Tokens(2)))).Cached, Is.Zero, "the oldest are gone");
    }

    internal static async Task<(float[] Bits, int Cached)> RunAsync(GenerationStream stream)
    {
        var bits = new List<float>();
        GenerationOutcome? outcome = null;
        await foreach (var piece in stream.ReadPiecesAsync())
        {
            bits.AddRange(piece.Tokens.SelectMany(token => new[] { token.Id, token.LogProbability }));
            outcome = piece.Outcome;
        }

        return ([.. bits], outcome!.Usage.CachedTokens);
    }
}
