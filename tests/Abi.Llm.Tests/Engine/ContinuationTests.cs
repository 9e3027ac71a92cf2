using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;

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

    [TestCase("llama.gguf", 3, 0d)]
    [TestCase("llama.gguf", 5, 1d)]
    [TestCase("mamba.gguf", 3, 0.7)]
    public async Task BeamsAreThoseOfAPlainSearch(string file, int width, double penalty)
    {
        const int Length = 6;
        await using var model = await TestModels.LoadAsync("models", file, Exact);
        var prompt = TestModels.Ids(12, model.Engine.VocabularySize, 2);
        var found = await model.BeamSearchAsync(prompt, new BeamSearchOptions { Width = width, MaximumTokens = Length, LengthPenalty = penalty });

        // the same search over whole evaluations, without sessions or forks
        List<(int[] Ids, double Sum)> beams = [([], 0)];
        var ended = new List<(int[] Ids, double Score)>();
        for (var length = 1; length <= Length; length++)
        {
            var candidates = new List<(int[] Ids, double Sum)>();
            foreach (var (ids, sum) in beams)
            {
                var logits = await model.ComputeLogitsAsync(prompt.Concat(ids).ToArray());
                var logSum = LogitKernels.LogSumExp(logits);
                candidates.AddRange(logits.Select((logit, id) => (ids.Append(id).ToArray(), sum + (logit - logSum))));
            }

            candidates = [.. candidates.OrderByDescending(candidate => candidate.Sum)];
            foreach (var (ids, sum) in candidates.Take(width).Where(candidate => model.Tokenizer.IsEndOfGeneration(candidate.Ids[^1])))
            {
                ended.Add((ids[..^1], sum / Math.Pow(length, penalty)));
            }

            beams = [.. candidates.Where(candidate => !model.Tokenizer.IsEndOfGeneration(candidate.Ids[^1])).Take(width)];
        }

        ended.AddRange(beams.Select(beam => (beam.Ids, beam.Sum / Math.Pow(Length, penalty))));
        var expected = ended.OrderByDescending(text => text.Score).Take(width).ToList();
        Assert.That(found.Select(result => string.Join(' ', result.Tokens.Select(token => token.Id))), Is.EqualTo(expected.Select(text => string.Join(' ', text.Ids))));
        Assert.That(model.Engine.Statistics.UsedStateBytes, Is.Zero);
    }

    [Test]
    public async Task ABeamOfOneIsGreedy()
    {
        await using var model = await TestModels.LoadAsync("stories-model", "stories-f16.gguf", new EngineOptions { ContextLength = 128 });
        var greedy = await model.CompleteAsync("Once upon a time", new GenerationOptions { Sampling = SamplingOptions.Greedy, MaximumTokens = 20, LogProbabilities = 0 });
        var beam = await model.BeamSearchAsync("Once upon a time", new BeamSearchOptions { Width = 1, MaximumTokens = 20 });
        Assert.That(beam.Single().Text, Is.EqualTo(greedy.Text));
        var wide = await model.BeamSearchAsync("Once upon a time", new BeamSearchOptions { Width = 4, MaximumTokens = 20, LengthPenalty = 0 });
        Assert.That(wide[0].Tokens.Sum(token => token.LogProbability), Is.GreaterThanOrEqualTo(greedy.Tokens.Sum(token => token.LogProbability)));
        Assert.That(() => model.BeamSearchAsync("x", new BeamSearchOptions { MaximumTokens = 200 }), Throws.TypeOf<ContextFullException>());
        Assert.That(() => model.BeamSearchAsync("x", new BeamSearchOptions { Width = 0 }), Throws.ArgumentException);
    }

    private sealed class Immediate(Action<PromptProgress> action) : IProgress<PromptProgress>
    {
        public void Report(PromptProgress value) => action(value);
    }
}
