using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Engine;

/// <summary>What a full context means is the caller's choice, and means the same with shared prefixes, windows and recurrent state as without.</summary>
public sealed class ContextPolicyTests
{
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact, ContextLength = 96, CheckpointInterval = 16 };

    private static GenerationOptions Tokens(ContextFullPolicy policy, int? keep = null) => new()
    {
        MaximumTokens = 120, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 1, Seed = 5 }, LogProbabilities = 0, ContextFull = policy, KeepFirst = keep,
    };

    [TestCase("llama.gguf")]
    [TestCase("gemma3.gguf")]
    [TestCase("mamba.gguf")]
    public async Task APolicyGivesTheSameTextWithPrefixesAndWithout(string file)
    {
        await using var plain = await TestModels.LoadAsync("models", file, Exact with { ReusePrefixes = false });
        await using var sharing = await TestModels.LoadAsync("models", file, Exact with { CacheTokens = 400, MaximumRows = 20 });
        var trunk = TestModels.Ids(150, plain.Engine.VocabularySize, 2);
        foreach (var length in (int[])[70, 90, 150])
        {
            foreach (var options in (GenerationOptions[])[Tokens(ContextFullPolicy.Truncate), Tokens(ContextFullPolicy.Shift), Tokens(ContextFullPolicy.Shift, keep: 40), Tokens(ContextFullPolicy.Truncate, keep: 7)])
            {
                var expected = await CheckpointTests.RunAsync(plain.Engine.Start(trunk.AsSpan(0, length), options));
                // a prompt that is too long is cut so that half of the context is left to generate, what is asked for being more than that
                var room = options.ContextFull == ContextFullPolicy.Shift ? 120 : 97 - (length > 96 ? 48 : length);
                Assert.That(expected.Bits, Has.Length.EqualTo(2 * room), $"{file}, {length} tokens, {options.ContextFull}");
                var together = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => CheckpointTests.RunAsync(sharing.Engine.Start(trunk.AsSpan(0, length), options))));
                Assert.That(together.Select(result => result.Bits), Is.All.EqualTo(expected.Bits), $"{file}, {length} tokens, {options.ContextFull}, first {options.KeepFirst} kept");
            }

            if (length > 96)
            {
                Assert.That(() => sharing.Engine.Start(trunk.AsSpan(0, length), Tokens(ContextFullPolicy.Error)), Throws.TypeOf<ContextFullException>());
            }
            else
            {
                Assert.That(async () => await CheckpointTests.RunAsync(sharing.Engine.Start(trunk.AsSpan(0, length), Tokens(ContextFullPolicy.Error))), Throws.TypeOf<ContextFullException>());
            }
        }
    }

    [TestCase("llama.gguf")]
    [TestCase("gemma3.gguf")]
    [TestCase("mamba.gguf")]
    public async Task ASessionShiftsAndIsForkedAndRewound(string file)
    {
        await using var model = await TestModels.LoadAsync("models", file, Exact);
        await using var alone = await TestModels.LoadAsync("models", file, Exact with { ReusePrefixes = false });
        using var session = model.CreateSession();
        await CheckpointTests.RunAsync(session.Start(TestModels.Ids(60, model.Engine.VocabularySize, 2), Tokens(ContextFullPolicy.Shift)));
        Assert.That(session.Count, Is.LessThanOrEqualTo(97));
        session.Rewind(session.Count - 3);
        using var fork = session.Fork();
        var options = Tokens(ContextFullPolicy.Shift);
        var expected = await CheckpointTests.RunAsync(alone.Engine.Start(session.GetIds(), options));
        Assert.That((await CheckpointTests.RunAsync(fork.Start([], options))).Bits, Is.EqualTo(expected.Bits));
        Assert.That((await CheckpointTests.RunAsync(session.Start([], options))).Bits, Is.EqualTo(expected.Bits));
    }

    /// <summary>The engine is busy while the fork is made and gets a prompt that has to be cut, so it comes to both only later.</summary>
    [TestCase("llama.gguf")]
    [TestCase("mamba.gguf")]
    public async Task AForkIsCutBeforeTheEngineHasGivenItItsState(string file)
    {
        await using var model = await TestModels.LoadAsync("models", file, Exact);
        await using var alone = await TestModels.LoadAsync("models", file, Exact with { ReusePrefixes = false });
        using var session = model.CreateSession();
        await CheckpointTests.RunAsync(session.Start(TestModels.Ids(60, model.Engine.VocabularySize, 2), Tokens(ContextFullPolicy.Truncate) with { MaximumTokens = 1 }));
        using var begun = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        var busy = CheckpointTests.RunAsync(model.Engine.Start([3], new GenerationOptions { MaximumTokens = 1, Sampling = new SamplingOptions { Processors = [new Hold(begun, go)] } }));
        Assert.That(begun.Wait(TimeSpan.FromSeconds(20)));
        using var fork = session.Fork();
        var options = Tokens(ContextFullPolicy.Truncate, keep: 4) with { MaximumTokens = 10 };
        var stream = fork.Start(TestModels.Ids(50, model.Engine.VocabularySize, 3), options);
        go.Set();
        await busy;
        var found = await CheckpointTests.RunAsync(stream);
        var prompt = fork.GetIds()[..^10];
        Assert.That(prompt, Has.Length.LessThan(96).And.Length.GreaterThan(60));
        Assert.That(found.Bits, Is.EqualTo((await CheckpointTests.RunAsync(alone.Engine.Start(prompt, options))).Bits));
    }

    private sealed class Hold(ManualResetEventSlim begun, ManualResetEventSlim go) : ILogitProcessor
    {
        public void Process(ReadOnlySpan<int> history, Span<float> logits)
        {
            begun.Set();
            go.Wait(TimeSpan.FromSeconds(20));
        }
    }
}
