using Abi.Compute.Cpu;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Llm.Engine;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Llm.Sampling;
using Abi.Llm.Tests.Engine;

namespace Abi.Llm.Tests.Models;

/// <summary>Gemma's later models: equal to the reference, whose logits are recorded, and to themselves however a text is computed.</summary>
[TestFixtureSource(typeof(GemmaModels), nameof(GemmaModels.Names))]
[Parallelizable]
public sealed class GemmaModelTests(string name)
{
    private const int PromptLength = 100;
    private const int Step = 29; // between the recorded logits

    /// <summary>llama.cpp's logits of every 29th token behind the prompt.</summary>
    private static readonly Dictionary<string, float[]> Recorded = new(StringComparer.Ordinal)
    {
        ["gemma3n-few"] = [3.91277f, -2.93466f, -4.57164f, -1.04739f, 4.35888f, 2.63418f, -6.54951f, 5.07989f, 2.12084f, -6.90536f, 3.68366f, -0.929781f],
        ["gemma3n"] = [2.93391f, 4.03935f, -0.314198f, 10.0361f, -2.127f, -0.536731f, -3.36926f, 0.95922f, -7.69361f, 7.61672f, 1.4907f, -7.1541f],
        ["gemma4-dense"] = [5.80519f, 1.65238f, -0.630136f, 7.10256f, 3.32426f, 1.99053f, -1.16909f, 1.36066f, 0.0964692f, -5.23001f, 5.01686f, 1.10649f],
        ["gemma4-moe"] = [-4.16282f, 0.151562f, 0.285449f, -1.56369f, 0.900558f, 1.94329f, -3.70997f, -1.65115f, -2.5865f, -4.5376f, -4.67422f, -3.17663f],
        ["gemma4-other"] = [-6.86098f, 1.21684f, -9.425f, 1.08142f, 3.15248f, -5.32749f, -2.06652f, -2.41112f, -0.890164f, -0.48271f, -4.00433f, 5.70408f],
        ["gemma4-shared"] = [2.80736f, 2.94844f, 3.63305f, 7.40409f, 4.18069f, 9.6479f, 1.40612f, 0.503833f, 5.19633f, -2.20302f, 4.29968f, -6.84653f],
        ["gemma4-sizes"] = [3.44624f, -6.74128f, 3.28203f, 1.41848f, 5.07551f, 1.10752f, -4.4274f, -4.03541f, 0.49069f, -1.10371f, -0.825706f, 0.919776f],
    };

    private string _path = string.Empty;

    [OneTimeSetUp]
    public void Make()
    {
        _path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.gguf");
        GemmaModels.Write(_path, name);
    }

    [OneTimeTearDown]
    public void Remove() => File.Delete(_path);

    [Test]
    public void LogitsAreTheReferences([Values] TestDevice kind)
    {
        using var file = GgufFile.Open(_path);
        using var device = kind.Create();
        var model = ModelDefinition.Create(file);
        using var runner = new ModelRunner(device, model);
        var vocabulary = model.Hyperparameters.VocabularySize;
        var last = runner.Feed(ArchitectureTableTests.Prompt(PromptLength, vocabulary)).AsSpan(^vocabulary..).ToArray();
        var expected = Recorded[name];
        var difference = expected.Select((value, i) => last[i * Step] - (double)value).Sum(value => value * value);
        Assert.That(difference / expected.Sum(value => (double)value * value), Is.LessThan(1e-4));
    }

    [Test]
    public void PiecesChangeNoBit()
    {
        using var file = GgufFile.Open(_path);
        using var device = TestDevice.Cpu.Create();
        var model = ModelDefinition.Create(file);
        var prompt = ArchitectureTableTests.Prompt(PromptLength, model.Hyperparameters.VocabularySize);
        using var whole = new ModelRunner(device, model);
        var expected = whole.Feed(prompt);
        foreach (var length in (int[])[1, 7, 32])
        {
            using var runner = new ModelRunner(device, model);
            Assert.That(prompt.Chunk(length).SelectMany(piece => runner.Feed(piece)), Is.EqualTo(expected), $"pieces of {length}");
        }
    }

    [Test]
    public void BlocksBehindTheLastKeysComputeWhatIsAskedForAlone([Values] TestDevice kind)
    {
        using var file = GgufFile.Open(_path);
        using var device = kind.Create();
        var model = ModelDefinition.Create(file);
        var attention = model.DecoderGraph!.Operations.OfType<Attend>().ToList();
        var making = model.State.Cache.Length;
        Assert.That(attention.Take(making).Select(attend => attend.Result.Rows), Is.All.EqualTo(RowSpace.Tokens));
        Assert.That(attention.Skip(making).Select(attend => attend.Result.Rows), Is.All.EqualTo(RowSpace.Outputs));

        var vocabulary = model.Hyperparameters.VocabularySize;
        var prompt = ArchitectureTableTests.Prompt(PromptLength, vocabulary);
        using var whole = new ModelRunner(device, model);
        var expected = whole.Feed(prompt);
        using var runner = new ModelRunner(device, model);
        Assert.That(runner.Feed(prompt.AsSpan(0, 40), firstOutput: 40), Is.Empty);
        Assert.That(runner.Feed(prompt.AsSpan(40, 30), firstOutput: 27), Is.EqualTo(expected[(67 * vocabulary)..(70 * vocabulary)]));
        Assert.That(runner.Feed(prompt.AsSpan(70), firstOutput: 29), Is.EqualTo(expected[(99 * vocabulary)..]));
    }

    [Test]
    public async Task HooksSeeEveryTokenInEveryLayer()
    {
        await using var model = await LoadAsync(new EngineOptions { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact, ContextLength = 256, MaximumRows = 16 });
        var options = new GenerationOptions { MaximumTokens = 3, IgnoreEndOfGeneration = true, Sampling = SamplingOptions.Greedy, LogProbabilities = 0 };
        var prompt = TestModels.Ids(40, model.Engine.VocabularySize, 1);
        var plain = await CheckpointTests.RunAsync(model.Engine.Start(prompt, options));
        var hook = new Counter();
        Assert.That((await CheckpointTests.RunAsync(model.Engine.Start(prompt, options with { ActivationHooks = [hook] }))).Bits, Is.EqualTo(plain.Bits));
        Assert.That(hook.Seen, Is.EqualTo(Enumerable.Repeat(42, model.Definition.Hyperparameters.BlockCount)));
    }

    [Test]
    public async Task CompanyChangesNoBit()
    {
        var exact = new EngineOptions { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact, ContextLength = 256 };
        await using var alone = await LoadAsync(exact with { ReusePrefixes = false });
        await using var crowd = await LoadAsync(exact with { MaximumRows = 23, MaximumPromptRowsBesideDecode = 9, MaximumSequences = 3, CacheTokens = 600 });
        var options = new GenerationOptions { MaximumTokens = 12, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 1, Seed = 5 }, LogProbabilities = 0 };
        var prompts = Enumerable.Range(0, 6).Select(i => TestModels.Ids(20 + (i * 17), alone.Engine.VocabularySize, i)).ToArray();
        prompts = [.. prompts, [.. prompts[^1].AsSpan(0, 70), .. prompts[0]]]; // begins like another
        var together = await Task.WhenAll(prompts.Select(prompt => CheckpointTests.RunAsync(crowd.Engine.Start(prompt, options))));
        for (var i = 0; i < prompts.Length; i++)
        {
            Assert.That(together[i].Bits, Is.EqualTo((await CheckpointTests.RunAsync(alone.Engine.Start(prompts[i], options))).Bits), $"prompt {i}");
        }
    }

    [Test]
    public void EmbeddingsSeeAllTokensWhereTheFileSaysSo()
    {
        using var file = GgufFile.Open(_path);
        var architecture = file.Metadata.GetString("general.architecture");
        var model = ModelDefinition.Create(file.WithMetadata(file.Metadata.With($"{architecture}.attention.causal", GgufValue.Of(false))));
        var graph = model.EmbeddingGraph(EmbeddingPooling.Mean);
        Assert.That(graph.Operations.OfType<AttendWithin>().Count(), Is.EqualTo(model.Hyperparameters.BlockCount));
        using var device = TestDevice.Cpu.Create();
        using var plan = device.Lower(graph, new LoweringOptions());
    }

    /// <summary>Counts the tokens of each layer.</summary>
    private sealed class Counter : IActivationHook
    {
        public List<int> Seen { get; } = [];

        public bool Observes(ActivationPoint point) => point.Kind == ActivationPointKind.LayerOutput;

        public void Process(ActivationPoint point, int position, Span<float> hiddenState)
        {
            while (Seen.Count <= point.Layer)
            {
                Seen.Add(0);
            }

            Seen[point.Layer]++;
        }
    }

    private Task<LanguageModel> LoadAsync(EngineOptions options) => LanguageModel.LoadAsync(_path, new ModelLoadOptions { Device = CpuDevice.Default, Engine = options });
}
