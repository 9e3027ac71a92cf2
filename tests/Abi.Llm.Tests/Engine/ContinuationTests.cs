using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Grammars;
using Abi.Llm.Sampling;
using Abi.Testing;

namespace Abi.Llm.Tests.Engine;

/// <summary>Several texts after one prompt: each is what it would be alone, and the prompt is computed once.</summary>
public sealed class ContinuationTests
{
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact, ContextLength = 256, ReusePrefixes = false };

    private static readonly GenerationOptions Options = new() { MaximumTokens = 10, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 1, Seed = 40 }, LogProbabilities = 0 };

    [TestCase("llama.gguf")]
    [TestCase("gemma3.gguf")]
    [TestCase("mamba.gguf")]
    [TestCase("t5.gguf")]
    public async Task EachIsWhatItsSeedGivesAlone(string file)
    {
        await using var model = await TestModels.LoadAsync("models", file, Exact);
        var prompt = TestModels.Ids(45, model.Engine.VocabularySize, 2);
        var computed = 0;
        var many = await model.CompleteManyAsync(prompt, 5, Options with { PromptProgress = new Immediate(progress => computed = Math.Max(computed, progress.Computed)) });
        Assert.That(many.Select(result => string.Join(' ', result.Tokens.Select(token => token.Id))).Distinct().Count(), Is.GreaterThan(1));
        for (var i = 0; i < many.Length; i++)
        {
            var alone = await model.CompleteAsync(prompt, Options with { Sampling = Options.Sampling with { Seed = 40 + i } });
            Assert.That(many[i].Tokens.Select(token => (token.Id, token.LogProbability)), Is.EqualTo(alone.Tokens.Select(token => (token.Id, token.LogProbability))), $"text {i}, to the bit");
            Assert.That((many[i].Text, many[i].Outcome.Seed, many[i].Outcome.Usage.PromptTokens), Is.EqualTo((alone.Text, 40L + i, 45)));
            if (file != "t5.gguf")
            {
                Assert.That(many[i].Outcome.Timings.PromptTokensComputed, Is.EqualTo(1), "the prompt was computed once, for all");
            }
        }

        Assert.That(model.Engine.Statistics.UsedStateBytes, Is.Zero);
    }

    [Test]
    public async Task ShortAndCutPromptsAndCancellingAreAsAlone()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { ContextLength = 64 });
        Assert.That((await model.CompleteManyAsync(new[] { 5 }, 3, Options)).Select(result => result.Tokens.Length), Is.All.EqualTo(10));
        var prompt = TestModels.Ids(80, model.Engine.VocabularySize, 2);
        Assert.That(() => model.CompleteManyAsync(prompt, 2, Options), Throws.TypeOf<ContextFullException>());
        var cut = Options with { ContextFull = ContextFullPolicy.Truncate };
        Assert.That((await model.CompleteManyAsync(prompt, 2, cut))[0].Text, Is.EqualTo((await model.CompleteAsync(prompt, cut)).Text));
        Assert.That(() => model.CompleteManyAsync(prompt, 0, Options), Throws.TypeOf<ArgumentOutOfRangeException>());
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        Assert.That(() => model.CompleteManyAsync(new[] { 5, 6 }, 3, Options, stop.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(model.Engine.Statistics.UsedPages, Is.Zero);
    }

    [Test]
    public async Task AdaptersAndGrammarsAreThoseOfEachAlone()
    {
        await using var model = await LanguageModel.LoadAsync(Fixtures.Path("stories-model", "stories-f16.gguf"), new ModelLoadOptions { Engine = Exact });
        using var adapter = await model.LoadAdapterAsync(Fixtures.Path("stories-model", "lora", "stories-lora.gguf"));
        var prompt = model.Tokenizer.Encode("Once upon a time there was a little girl who had a big red ball", addSpecial: true, parseSpecial: false);
        var options = Options with { IgnoreEndOfGeneration = false, MaximumTokens = 16, Adapters = [new AdapterUse(adapter)], Grammar = Grammar.FromRegex("[ a-z]{8,40}\\.") };
        var many = await model.CompleteManyAsync(prompt, 4, options);
        for (var i = 0; i < many.Length; i++)
        {
            var alone = await model.CompleteAsync(prompt, options with { Sampling = Options.Sampling with { Seed = 40 + i } });
            Assert.That(many[i].Tokens.Select(token => (token.Id, token.LogProbability)), Is.EqualTo(alone.Tokens.Select(token => (token.Id, token.LogProbability))), $"text {i}, to the bit");
            Assert.That(many[i].Outcome.Timings.PromptTokensComputed, Is.EqualTo(1), "the prompt was computed once, for all");
            Assert.That(many[i].Text, Does.Match("^[ a-z]{8,40}\\.$"));
        }

        Assert.That(many.Select(result => result.Text).Distinct().Count(), Is.GreaterThan(1));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task TheTimeLimitIsThatOfAllTogether(bool isTheEngines)
    {
        var limit = TimeSpan.FromSeconds(1);
        using var device = new CannedDevice();
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { TimeLimit = isTheEngines ? limit : null }, device);
        var isPrompt = true;
        device.OnRun = (_, _) =>
        {
            Thread.Sleep(isPrompt ? 1200 : 15);
            isPrompt = false;
        };
        var many = await model.CompleteManyAsync(TestModels.Ids(20, model.Engine.VocabularySize, 1), 2, Options with { MaximumTokens = 40, TimeLimit = isTheEngines ? null : limit });
        Assert.That(many.Select(result => result.Outcome.FinishReason), Is.All.EqualTo(FinishReason.TimeLimit));
    }

    private sealed class Immediate(Action<PromptProgress> action) : IProgress<PromptProgress>
    {
        public void Report(PromptProgress value) => action(value);
    }
}
