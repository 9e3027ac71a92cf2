using System.Text.Json;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Testing;

namespace Abi.Llm.Tests.Engine;

/// <summary>The two trained story models against llama.cpp's results on the same files. Perplexities take long, so each is computed by one thread, beside others.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class StoryReferenceTests
{
    private static readonly string[] SmallFiles =
        ["stories260K.f32.gguf", "stories260K.F16.gguf", "stories260K.Q8_0.gguf", "stories260K.Q5_1.gguf", "stories260K.Q4_0.gguf", "stories260K.Q4_K_M.gguf"];

    [TestCaseSource(nameof(SmallFiles))]
    public async Task TheSmallModelChoosesTheReferencesTokens(string file)
    {
        // rounding of activations differs between implementations: 16 bits and 8 bits move logits by this much
        var margin = file.Contains("f32", StringComparison.Ordinal) ? 1e-3 : file.Contains("F16", StringComparison.Ordinal) ? 0.05 : 0.3;
        await using var model = await LoadAsync("stories", file, ActivationPrecision.Int8);
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("stories", "expected.json")));
        var compared = 0;
        foreach (var prompt in expected.RootElement.GetProperty("models").GetProperty(file).GetProperty("prompts").EnumerateArray())
        {
            int[] before = Ints(prompt.GetProperty("ids_in"));
            int[] greedy = Ints(prompt.GetProperty("greedy"));
            double[] margins = [.. prompt.GetProperty("margins").EnumerateArray().Select(v => v.GetDouble())];
            double[] logProbabilities = [.. prompt.GetProperty("prompt_logprobs").EnumerateArray().Select(v => v.GetDouble())];
            compared += await CompareAsync(model, before, greedy, margins, margin);
            var scores = await model.ScoreAsync(before);
            for (var i = 0; i < logProbabilities.Length; i++)
            {
                Assert.That(scores[i + scores.Length - logProbabilities.Length], Is.EqualTo(logProbabilities[i]).Within(margin < 0.01 ? 1e-3 : margin));
            }
        }

        TestContext.Out.WriteLine($"{compared} steps compared");
        Assert.That(compared, Is.GreaterThan(300));
    }

    [TestCase("f16", 0.05)]
    [TestCase("q8_0", 0.3)]
    public async Task OurModelChoosesTheReferencesTokensAndLogits(string type, double margin)
    {
        await using var model = await LoadAsync("stories-model", $"stories-{type}.gguf", ActivationPrecision.Int8);
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("stories-model", $"stories-{type}-greedy.json")));
        var compared = 0;
        var number = 0;
        foreach (var generation in expected.RootElement.GetProperty("generations").EnumerateArray())
        {
            int[] before = Ints(generation.GetProperty("prompt_ids"));
            double[] margins = [.. generation.GetProperty("margin").EnumerateArray().Select(v => v.GetDouble())];
            compared += await CompareAsync(model, before, Ints(generation.GetProperty("ids")), margins, margin);
            if (number < 2)
            {
                var (_, reference) = NpyFile.Read<float>(Fixtures.Path("stories-model", $"stories-{type}-logits-{number}.npy"));
                var mine = await model.ComputeLogitsAsync(before, all: true);
                Assert.That(mine, Has.Length.EqualTo(reference.Length));
                Assert.That(mine.Zip(reference).Max(pair => Math.Abs(pair.First - pair.Second)), Is.LessThan(type == "f16" ? 0.02 : 0.4));
            }

            number++;
        }

        TestContext.Out.WriteLine($"{compared} steps compared");
        Assert.That(compared, Is.GreaterThan(300));
    }

    [Test]
    public async Task TheFirstWindowsHaveTheReferencesSurprise()
    {
        await using var model = await LoadAsync("stories", "stories260K.f32.gguf", ActivationPrecision.Exact);
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("stories", "expected.json")));
        var windows = expected.RootElement.GetProperty("models").GetProperty("stories260K.f32.gguf").GetProperty("perplexity_windows");
        double[] reference = [.. windows.GetProperty("first_window_nll").EnumerateArray().Select(v => v.GetDouble())];
        var ids = model.Tokenizer.Encode(await File.ReadAllTextAsync(Fixtures.Path("stories", "perplexity-text.txt")), addSpecial: false);
        Assert.That(ids, Has.Length.EqualTo(windows.GetProperty("tokens").GetInt32()));
        for (var window = 0; window < reference.Length; window++)
        {
            Assert.That(await WindowAsync(model, ids, window), Is.EqualTo(reference[window]).Within(1e-4));
        }
    }

    [TestCaseSource(nameof(SmallFiles))]
    public async Task WindowsGiveTheReferencesPerplexity(string file)
    {
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("stories", "expected.json")));
        var entry = expected.RootElement.GetProperty("models").GetProperty(file);
        foreach (var precision in new[] { ActivationPrecision.Exact, ActivationPrecision.Int8 })
        {
            await using var model = await LoadAsync("stories", file, precision, threads: 1);
            var ids = model.Tokenizer.Encode(await File.ReadAllTextAsync(Fixtures.Path("stories", "perplexity-text.txt")), addSpecial: false);
            var windows = ids.Length / 255;
            double sum = 0;
            for (var window = 0; window < windows; window++)
            {
                sum += await WindowAsync(model, ids, window);
            }

            var name = precision == ActivationPrecision.Exact && entry.TryGetProperty("perplexity_windows_weights_expanded", out _) ? "perplexity_windows_weights_expanded" : "perplexity_windows";
            var reference = entry.GetProperty(name).GetProperty("perplexity").GetDouble();
            TestContext.Out.WriteLine($"{file} {precision}: {Math.Exp(sum / windows):F5}, reference {reference:F5}");
            Assert.That(Math.Exp(sum / windows), Is.EqualTo(reference).Within(precision == ActivationPrecision.Exact ? 0.1 : 0.5).Percent);
        }
    }

    [TestCase("f16", ActivationPrecision.Exact, 0.1)]
    [TestCase("q8_0", ActivationPrecision.Exact, 0.1)]
    [TestCase("q8_0", ActivationPrecision.Int8, 0.5)]
    [TestCase("q4_k_m", ActivationPrecision.Exact, 0.1)]
    [TestCase("q4_k_m", ActivationPrecision.Int8, 0.5)]
    [TestCase("q4_0", ActivationPrecision.Exact, 0.1)]
    [TestCase("q4_0", ActivationPrecision.Int8, 0.5)]
    [TestCase("q2_k", ActivationPrecision.Exact, 0.1)]
    [TestCase("q2_k", ActivationPrecision.Int8, 0.5)]
    public async Task OurModelHasTheReferencesPerplexity(string type, ActivationPrecision precision, double percent)
    {
        await using var model = await LoadAsync("stories-model", $"stories-{type}.gguf", precision, threads: 1);
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("stories-model", "stories-perplexity.json")));
        var ids = model.Tokenizer.Encode(await File.ReadAllTextAsync(Fixtures.Path("text", "stories-perplexity.txt")));
        var result = await Perplexity.ComputeAsync(model, ids, 512);
        var reference = expected.RootElement.GetProperty(type).GetProperty("ppl").GetDouble();
        TestContext.Out.WriteLine($"{type} {precision}: {result.Value:F4} ± {result.Uncertainty:F4} over {result.ScoredTokens} tokens, reference {reference}");
        Assert.That(result.Value, Is.EqualTo(reference).Within(percent).Percent);
    }

    private static Task<LanguageModel> LoadAsync(string folder, string file, ActivationPrecision precision, int? threads = null) =>
        LanguageModel.LoadAsync(Fixtures.Path(folder, file), new ModelLoadOptions { Threads = threads, Engine = new EngineOptions { CacheType = TensorType.F32, Activations = precision } });

    private static async Task<double> WindowAsync(LanguageModel model, int[] ids, int window)
    {
        var scores = await model.ScoreAsync((int[])[model.Tokenizer.BeginId!.Value, .. ids.AsSpan(window * 255, 255)]);
        return -scores.Skip(1).Average(score => (double)score);
    }

    /// <summary>Fed the stored ids, the best token of every step whose margin is large enough is the stored one. Gives the number of steps compared.</summary>
    private static async Task<int> CompareAsync(LanguageModel model, int[] before, int[] greedy, double[] margins, double margin)
    {
        var width = model.Engine.VocabularySize;
        var logits = await model.ComputeLogitsAsync((int[])[.. before, .. greedy], all: true);
        var compared = 0;
        for (var i = 0; i < greedy.Length; i++)
        {
            if (margins[i] > margin)
            {
                var row = logits.AsSpan((before.Length - 1 + i) * width, width);
                Assert.That(row.IndexOf(System.Numerics.Tensors.TensorPrimitives.Max(row)), Is.EqualTo(greedy[i]), $"step {i}, margin {margins[i]}");
                compared++;
            }
        }

        return compared;
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(v => v.GetInt32())];
}
