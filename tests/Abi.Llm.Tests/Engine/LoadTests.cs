using System.Diagnostics;
using System.Globalization;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;
using Abi.Models.Stories;

namespace Abi.Llm.Tests.Engine;

/// <summary>What a server's day does to an engine.</summary>
[Explicit("Runs for ten minutes, or the seconds in ABI_LOAD_SECONDS, more than 60.")]
public sealed class LoadTests
{
    private const int Streams = 64;
    private const int Length = 48;

    private static readonly string[] Beginnings =
    [
        "Once upon a time", "One day, Tom", "The little dog", "Lily and her mom went to the park. They saw", "There was a big red ball in the garden.", "A bird sat on a tree and",
        "The boy was sad because", "In the morning, Ben", "Mia had a blue dress. She", "The old man had a boat. He took",
    ];

    private static GenerationOptions Greedy(int tokens) => new() { Sampling = SamplingOptions.Greedy, MaximumTokens = tokens, IgnoreEndOfGeneration = true };

    /// <summary>64 streams at once with random cancels, forks, sessions and priorities: the memory stays flat, and every greedy text is the one that the same request gives alone.</summary>
    [Test]
    public async Task SixtyFourStreamsKeepTheirTextsAndTheMemoryFlat()
    {
        var seconds = int.Parse(Environment.GetEnvironmentVariable("ABI_LOAD_SECONDS") ?? "600", CultureInfo.InvariantCulture);

        // room for a third of the streams: requests wait, lose their state to others and are computed anew all the time
        await using var model = await LanguageModel.LoadAsync(StoriesModel.Path, new ModelLoadOptions { Engine = new EngineOptions { ContextLength = 256, CacheTokens = 2560, MaximumSequences = 24 } });
        var prompts = new List<int[]>();
        foreach (var beginning in Beginnings)
        {
            int[] ids = model.Encode(beginning);
            prompts.AddRange([ids, [.. model.Encode("It was a sunny day and all the children were outside. They played, they sang and they ate. Then something happened. "), .. ids.Skip(1)]]);
        }

        var alone = new List<int[]>();
        foreach (var prompt in prompts)
        {
            alone.Add(await Read(model.Engine.Start(prompt, Greedy(Length))));
        }

        var start = Stopwatch.GetTimestamp();
        using var end = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var counts = new long[6];
        long tokens = 0;
        var workers = Enumerable.Range(0, Streams).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            while (!end.IsCancellationRequested)
            {
                var which = random.Next(prompts.Count);
                var kind = random.Next(6);
                Interlocked.Add(ref tokens, await RunAsync(model, kind, prompts[which], alone[which], random));
                Interlocked.Increment(ref counts[kind]);
            }
        })).ToArray();

        var memory = new List<(double Seconds, long WorkingSet, long Heap, long State)>();
        var all = Task.WhenAll(workers);
        while (!all.IsCompleted)
        {
            await Task.WhenAny(all, Task.Delay(5000));

            // what is left after a collection that gives memory back: otherwise it is the collector's mood that is seen
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            var heap = GC.GetTotalMemory(forceFullCollection: false);
            memory.Add((Stopwatch.GetElapsedTime(start).TotalSeconds, Environment.WorkingSet, heap, model.Engine.Statistics.UsedStateBytes));
        }

        await all;
        foreach (var (at, workingSet, heap, state) in memory)
        {
            await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{at,6:F0} s  working set {workingSet / 1048576.0,7:F1} MB  managed heap {heap / 1048576.0,6:F2} MB  state in use {state / 1048576.0,6:F2} MB"));
        }

        var statistics = model.Engine.Statistics;
        await TestContext.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{tokens} tokens in {seconds} s ({tokens / (double)seconds:F0} a second), {statistics.Steps} steps, {statistics.Preemptions} preemptions; plain {counts[0]}, cancelled {counts[1]}, forked {counts[2]}, saved {counts[3]}, many {counts[4]}, sampled {counts[5]}"));

        // The first fifth warms up, and no less than a minute: until then the test host gives 16 MB back, arrays that it pooled while it looked for tests.
        var steady = memory.Where(sample => sample.Seconds > Math.Max(seconds / 5.0, 60) && sample.Seconds <= seconds).Select(sample => (double)sample.WorkingSet).ToList();
        var mean = steady.Average();
        await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"working set after warm-up: mean {mean / 1048576:F1} MB, {steady.Min() / mean - 1:P2} to {steady.Max() / mean - 1:P2}"));
        Assert.That(steady, Is.All.EqualTo(mean).Within(5).Percent, "the working set after warm-up");
        Assert.That((statistics.Active, statistics.Waiting, statistics.UsedPages), Is.EqualTo((0, 0, 0)), "nothing is left behind");
        Assert.That(counts, Is.All.GreaterThan(0L));
    }

    /// <returns>The tokens generated.</returns>
    private static async Task<int> RunAsync(LanguageModel model, int kind, int[] prompt, int[] alone, Random random)
    {
        switch (kind)
        {
            case 0:
                Same(await Read(model.Engine.Start(prompt, Greedy(Length) with { Priority = random.Next(-1, 2) })), alone, "a request");
                return Length;

            case 1:
            {
                // what came before the end is the beginning of the text, and the session goes on
                using var session = model.CreateSession();
                using var stop = new CancellationTokenSource();
                stop.CancelAfter(random.Next(1, 300));
                var ids = new List<int>();
                try
                {
                    await foreach (var piece in session.Start(prompt, Greedy(Length), stop.Token).ReadPiecesAsync())
                    {
                        ids.AddRange(piece.Tokens.Select(token => token.Id));
                    }
                }
                catch (OperationCanceledException)
                {
                    var generated = session.Count - prompt.Length;
                    ids.AddRange(generated < Length ? await Read(session.Start([], Greedy(Length - generated))) : []);
                    Same(session.GetIds()[prompt.Length..], alone, "a session that went on after a cancellation");
                    return Length;
                }

                Same([.. ids], alone, "a request that was not cancelled in time");
                return Length;
            }

            case 2:
            {
                using var session = model.CreateSession();
                var half = random.Next(1, Length - 1);
                Same(await Read(session.Start(prompt, Greedy(half))), alone[..half], "the beginning of a session");
                using var fork = session.Fork();
                var both = await Task.WhenAll(Read(session.Start([], Greedy(Length - half))), Read(fork.Start([], Greedy(Length - half))));
                Same(both[0], alone[half..], "a session that was forked");
                Same(both[1], alone[half..], "a fork");
                fork.Rewind(prompt.Length);
                Same(await Read(fork.Start([], Greedy(half))), alone[..half], "a fork that was taken back");
                return (2 * Length) + half;
            }

            case 3:
            {
                using var saved = new MemoryStream();
                var half = random.Next(1, Length - 1);
                using (var session = model.CreateSession())
                {
                    Same(await Read(session.Start(prompt, Greedy(half))), alone[..half], "a session");
                    await session.SaveAsync(saved);
                }

                saved.Position = 0;
                using var restored = await model.RestoreSessionAsync(saved);
                Same(await Read(restored.Start([], Greedy(Length - half))), alone[half..], "a session that was restored");
                return Length;
            }

            case 4:
                foreach (var result in await model.CompleteManyAsync(prompt, 3, Greedy(Length)))
                {
                    Same([.. result.Tokens.Select(token => token.Id)], alone, "one of several");
                }

                return 3 * Length;

            default:
                return (await Read(model.Engine.Start(prompt, Greedy(Length) with { Sampling = new SamplingOptions(), TimeLimit = TimeSpan.FromMilliseconds(random.Next(1, 2000)) }))).Length;
        }
    }

    private static void Same(int[] ids, int[] expected, string what) => Assert.That(ids, Is.EqualTo(expected), $"{what} has another text than the same request alone");

    private static async Task<int[]> Read(GenerationStream stream) => (await InferenceEngineTests.Read(stream)).Ids;
}
