using System.Diagnostics;
using System.Globalization;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Engine;

/// <summary>Times that only a model of a usual size shows: the one that <c>ABI_LARGE_MODEL</c> names, of 1.1 billion parameters where figures are given.</summary>
[Explicit("Needs a model (ABI_LARGE_MODEL) and a machine that does nothing else.")]
[NonParallelizable]
public sealed class LargeModelTests
{
    private static GenerationOptions Greedy(int tokens) => new() { Sampling = SamplingOptions.Greedy, MaximumTokens = tokens, IgnoreEndOfGeneration = true };

    private static Task<LanguageModel> LoadAsync(EngineOptions options)
    {
        var path = Environment.GetEnvironmentVariable("ABI_LARGE_MODEL");
        if (path is null)
        {
            Assert.Ignore("Set ABI_LARGE_MODEL to a model's path.");
        }

        return LanguageModel.LoadAsync(path!, new ModelLoadOptions { Engine = options });
    }

    /// <summary>From cancelling to the end of computing: under 100 ms in a prompt, alone and while generating, and the session goes on.</summary>
    [Test]
    public async Task CancellingEndsWithinAHundredMilliseconds()
    {
        await using var model = await LoadAsync(new EngineOptions { ContextLength = 2048, CacheTokens = 8192, ReusePrefixes = false });
        var prompt = TestModels.Ids(1500, model.Engine.VocabularySize, 1);
        await InferenceEngineTests.Run(model, prompt[..600], Greedy(2)); // arranges the weights
        var inPrompt = new List<double>();
        foreach (var wait in new[] { 50, 130, 210, 340, 470, 610, 790, 900 })
        {
            using var session = model.CreateSession();
            var stream = session.Start(prompt, Greedy(8));
            await Task.Delay(wait);
            Assert.That(stream.Outcome, Is.Null, $"the prompt was done after {wait} ms already");
            inPrompt.Add(await CancelAsync(stream));
            Assert.That(session.Count, Is.EqualTo(prompt.Length));
            Assert.That(session.CachedCount, Is.LessThan(prompt.Length));
            session.Rewind(20);
            Assert.That((await InferenceEngineTests.Read(session.Start([], Greedy(2)))).Ids, Has.Length.EqualTo(2));
        }

        Report("in a prompt of 1,500 tokens", inPrompt);
        var alone = new List<double>();
        var together = new List<double>();
        foreach (var (count, times) in new[] { (1, alone), (8, together) })
        {
            var sessions = Enumerable.Range(0, count).Select(_ => model.CreateSession()).ToList();
            var streams = sessions.ConvertAll(session => session.Start(prompt.AsSpan(0, 16), Greedy(1000) with { BufferedTokens = 1000 }));
            while (streams.Exists(stream => !stream.TryReadPiece(out _)))
            {
                await Task.Delay(20);
            }

            foreach (var (stream, session) in streams.Zip(sessions))
            {
                await Task.Delay(77);
                times.Add(await CancelAsync(stream));
                var before = session.Count;
                await InferenceEngineTests.Read(session.Start([], Greedy(1)));
                Assert.That(session.Count, Is.EqualTo(before + 1));
            }

            sessions.ForEach(session => session.Dispose());
        }

        Report("while one generates", alone);
        Report("while eight generate", together);
        Assert.That(inPrompt.Concat(alone).Concat(together), Is.All.LessThan(100.0), "milliseconds");
    }

    /// <summary>A prompt of 2,000 tokens that was computed before costs less than a fiftieth of its first time.</summary>
    [Test]
    public async Task ARepeatedPrefixCostsNextToNothing()
    {
        await using var model = await LoadAsync(new EngineOptions { ContextLength = 2048, CacheTokens = 8192 });
        await InferenceEngineTests.Run(model, TestModels.Ids(600, model.Engine.VocabularySize, 9), Greedy(2)); // arranges the weights
        var prefix = TestModels.Ids(2000, model.Engine.VocabularySize, 1);
        var first = await TimeAsync(model, prefix);
        var again = new List<double>();
        for (var i = 0; i < 5; i++)
        {
            again.Add(await TimeAsync(model, prefix));
        }

        // another question behind the same prefix: what is new is computed
        var other = await TimeAsync(model, [.. prefix[..1984], .. TestModels.Ids(16, model.Engine.VocabularySize, 5)]);
        again.Sort();
        await TestContext.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture, $"first {first:F0} ms; again {string.Join(", ", again.Select(time => time.ToString("F1", CultureInfo.InvariantCulture)))} ms, median {again[2] / first:P2}; with 16 other tokens behind it {other:F1} ms"));
        Assert.That(again[2], Is.LessThan(first * 0.02));
    }

    /// <summary>Milliseconds to the first token.</summary>
    private static async Task<double> TimeAsync(LanguageModel model, int[] prompt)
    {
        await using var stream = model.Engine.Start(prompt, Greedy(1));
        await InferenceEngineTests.Read(stream);
        return stream.Outcome!.Timings.TimeToFirstToken.TotalMilliseconds;
    }

    private static async Task<double> CancelAsync(GenerationStream stream)
    {
        var start = Stopwatch.GetTimestamp();
        await stream.DisposeAsync();
        var time = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        Assert.That(stream.Outcome!.FinishReason, Is.EqualTo(FinishReason.Cancelled));
        return time;
    }

    private static void Report(string when, List<double> times) => TestContext.Out.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"cancelled {when}: {string.Join(", ", times.Select(time => time.ToString("F1", CultureInfo.InvariantCulture)))} ms"));
}
