using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;
using Abi.Testing;

namespace Abi.Llm.Tests.Engine;

/// <summary>Keys and values in every format: how far results move, that company never moves them further, and what memory they take.</summary>
[Parallelizable]
public sealed class CacheTypeTests
{
    private static readonly EngineOptions Exact = new() { Activations = ActivationPrecision.Exact, ContextLength = 256 };

    private static GenerationOptions Tokens(int count, long seed = 1) => new()
    {
        MaximumTokens = count, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 1, Seed = seed }, LogProbabilities = 0,
    };

    [TestCase("llama.gguf", TensorType.Q8_0, null)]
    [TestCase("llama.gguf", TensorType.Q4_0, null)]
    [TestCase("gemma3.gguf", TensorType.Q8_0, TensorType.Q4_0)]
    [TestCase("gemma3.gguf", TensorType.Q4_0, null)]
    [TestCase("deepseek2-lite.gguf", TensorType.Q8_0, null)]
    public async Task CompanyForksAndPreemptionChangeNoBit(string file, TensorType keys, TensorType? values)
    {
        const int Requests = 10;
        var options = Exact with { CacheType = keys, ValueCacheType = values };
        var random = new Random(7);
        var (prompts, alone) = (new int[Requests][], new float[Requests][]);
        await using (var model = await TestModels.LoadAsync("models", file, options with { ReusePrefixes = false }))
        {
            var trunk = TestModels.Ids(120, model.Engine.VocabularySize, 3);
            for (var i = 0; i < Requests; i++)
            {
                prompts[i] = [.. trunk[..random.Next(1, trunk.Length)], .. TestModels.Ids(random.Next(1, 40), model.Engine.VocabularySize, random.Next(4))];
                alone[i] = await ReadAsync(model.Engine.Start(prompts[i], Tokens(9, i)));
            }
        }

        await using var crowd = await TestModels.LoadAsync("models", file, options with { CacheTokens = 400, MaximumRows = 40, MaximumPromptRowsBesideDecode = 17, MaximumSequences = 6 });
        var together = await Task.WhenAll(Enumerable.Range(0, Requests).Select(i => ReadAsync(crowd.Engine.Start(prompts[i], Tokens(9, i)))));
        Assert.That(together, Is.EqualTo(alone));

        // cut in the middle of a page, forked there, saved and restored
        using var session = crowd.CreateSession();
        await ReadAsync(session.Start(prompts[0], Tokens(30)));
        session.Rewind(prompts[0].Length);
        using var fork = session.Fork();
        await ReadAsync(fork.Start(TestModels.Ids(40, crowd.Engine.VocabularySize, 11), Tokens(2)));
        using var saved = new MemoryStream();
        await session.SaveAsync(saved);
        Assert.That(await ReadAsync(session.Start([], Tokens(9, 0))), Is.EqualTo(alone[0]));
        await using var later = await TestModels.LoadAsync("models", file, options);
        saved.Position = 0;
        using var restored = await later.RestoreSessionAsync(saved);
        Assert.That(await ReadAsync(restored.Start([], Tokens(9, 0))), Is.EqualTo(alone[0]));
    }

    [Test]
    public async Task ASessionOfAnotherFormatIsRefused()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { CacheType = TensorType.Q8_0 });
        using var session = model.CreateSession();
        await ReadAsync(session.Start(TestModels.Ids(40, model.Engine.VocabularySize, 1), Tokens(3)));
        foreach (var values in (TensorType[])[TensorType.Q4_0, TensorType.F16])
        {
            using var saved = new MemoryStream();
            await session.SaveAsync(saved);
            saved.Position = 0;
            await using var other = await TestModels.LoadAsync("models", "llama.gguf", Exact with { CacheType = TensorType.Q8_0, ValueCacheType = values });
            Assert.That(async () => await other.RestoreSessionAsync(saved), Throws.TypeOf<SessionFormatException>().With.Message.Contains($"Q8_0 keys and {values} values"));
        }
    }

    [Test]
    public async Task MemoryIsThatOfTheBlocks()
    {
        // 6 layers of 4 heads of 32: 192 blocks of keys and as many of values a position
        foreach (var (type, bytes) in ((TensorType, int)[])[(TensorType.F32, 128), (TensorType.F16, 64), (TensorType.Q8_0, 34), (TensorType.Q4_0, 18)])
        {
            await using var model = await LanguageModel.LoadAsync(Fixtures.Path("stories-model", "stories-q8_0.gguf"), new ModelLoadOptions { Engine = Exact with { CacheType = type, CacheTokens = 1024 } });
            var statistics = model.Engine.Statistics;
            Assert.That(statistics.TotalStateBytes, Is.EqualTo(2L * 6 * 4 * bytes * 1024), $"{type}");
            Assert.That(ContextSizing.BytesPerToken(model.Definition.State, type, type), Is.EqualTo(2L * 6 * 4 * bytes));
            using var session = model.CreateSession();
            await ReadAsync(session.Start(TestModels.Ids(40, model.Engine.VocabularySize, 1), Tokens(3)));
            Assert.That(model.Engine.Statistics.UsedStateBytes + (model.Engine.Statistics.ReusablePages * model.Engine.Statistics.TotalStateBytes / model.Engine.Statistics.TotalPages), Is.EqualTo(2L * 6 * 4 * bytes * 64), "two pages");
        }
    }

    /// <summary>
    /// How far distributions move from those over F32: no further than llama.cpp's do, by <c>llama-perplexity -c 512 --chunks 4 -fa on --kl-divergence</c> on the same file and text
    /// (the limits are the means that it prints and their standard errors; of F16 it prints 0, which is less than its file of logits resolves). Windows and what is scored of them are
    /// those of that tool.
    /// </summary>
    [TestCase(TensorType.F16, TensorType.F16, 1e-6)]
    [TestCase(TensorType.Q8_0, TensorType.Q8_0, 4.3e-5 + 0.2e-5)]
    [TestCase(TensorType.Q8_0, TensorType.Q4_0, 3.733e-3 + 0.258e-3)]
    [TestCase(TensorType.Q4_0, TensorType.Q4_0, 8.985e-3 + 0.425e-3)]
    public async Task DistributionsStayNearThoseOverFloats(TensorType keys, TensorType values, double limit)
    {
        await using var plain = await LoadAsync(TensorType.F32, TensorType.F32);
        await using var rounded = await LoadAsync(keys, values);
        var distance = await DistributionDistance.MeasureAsync(plain, rounded);
        TestContext.Out.WriteLine($"{keys} keys, {values} values: {distance}");
        Assert.That(distance.Divergence, Is.LessThan(limit));

        static Task<LanguageModel> LoadAsync(TensorType keyType, TensorType valueType) => LanguageModel.LoadAsync(
            Fixtures.Path("stories-model", "stories-f16.gguf"), new ModelLoadOptions { Engine = Exact with { CacheType = keyType, ValueCacheType = valueType, ContextLength = 512 } });
    }

    private static async Task<float[]> ReadAsync(GenerationStream stream)
    {
        var bits = new List<float>();
        await foreach (var piece in stream.ReadPiecesAsync())
        {
            bits.AddRange(piece.Tokens.SelectMany(token => new[] { token.Id, token.LogProbability }));
        }

        return [.. bits];
    }
}
