using System.Text.Json;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;
using Abi.Llm.Tests.Engine;
using Abi.Models.Stories;
using Abi.Testing;

namespace Abi.Llm.Tests;

/// <summary>Loading, cancelling and ending models and generations, as a program sees it.</summary>
public sealed class LanguageModelTests
{
    private const string Prompt = "Once upon a time, there was a little girl named Lily.";

    private static GenerationOptions Endless => new() { IgnoreEndOfGeneration = true, ContextFull = ContextFullPolicy.Shift, Sampling = SamplingOptions.Greedy };

    [Test]
    public async Task MoreLogitsThanAnArrayHoldsAreRefusedByTheirNumber()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf");
        var most = Array.MaxLength / model.Engine.VocabularySize;
        Assert.That(
            async () => await model.ComputeLogitsAsync(new int[most + 1], all: true),
            Throws.TypeOf<AbiException>().With.Message.Contains($"The logits of {most + 1} tokens").And.Message.Contains($"Ask for {most} tokens at most"));
    }

    /// <summary>Nor is memory taken for them.</summary>
    [Test]
    public async Task LogitsOfMoreTokensThanTheContextHoldsAreRefused()
    {
        await using var model = await LanguageModel.LoadAsync(StoriesModel.Path);
        var ids = new int[1 << 14];
        var before = GC.GetAllocatedBytesForCurrentThread();
        var task = model.ComputeLogitsAsync(ids, all: true); // what it does before it waits, it does here
        var taken = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.That(() => task, Throws.TypeOf<ContextFullException>());
        Assert.That(taken, Is.LessThan((long)ids.Length * model.Engine.VocabularySize));
        Assert.That(() => model.ComputeLogitsAsync(ReadOnlyMemory<int>.Empty), Throws.ArgumentException.With.Message.Contains("no token"));
    }

    [Test]
    public async Task AModelMayHaveThreadsOfItsOwn()
    {
        var options = new GenerationOptions { Sampling = SamplingOptions.Greedy, MaximumTokens = 12 };
        var texts = new List<string>();
        foreach (var threads in new int?[] { null, 1, 3 })
        {
            await using var model = await LanguageModel.LoadAsync(StoriesModel.Path, new ModelLoadOptions { Threads = threads });
            texts.Add((await model.CompleteAsync("Once upon a time", options)).Text);
        }

        Assert.That(texts.Distinct().Count(), Is.EqualTo(1), "the same bits for any number");
        Assert.That(() => LanguageModel.LoadAsync(StoriesModel.Path, new ModelLoadOptions { Threads = 0 }), Throws.ArgumentException.With.Message.Contains("Threads"));
        Assert.That(() => LanguageModel.LoadAsync(StoriesModel.Path, new ModelLoadOptions { Threads = 2, Device = Abi.Compute.Cpu.CpuDevice.Default }), Throws.ArgumentException.With.Message.Contains("Device"));
    }

    [Test]
    public async Task ACancellationTokenMayStandBehindTheOptions()
    {
        var options = new GenerationOptions { Sampling = SamplingOptions.Greedy, MaximumTokens = 3 };
        await using var model = await LanguageModel.LoadAsync(StoriesModel.Path, new ModelLoadOptions(), CancellationToken.None);
        Assert.That((await model.CompleteAsync(Prompt, options, CancellationToken.None)).Tokens, Has.Length.EqualTo(3));
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        Assert.That(() => model.CompleteAsync(Prompt, options, cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task ASecondDisposeWaitsForTheFirst()
    {
        using var isFreeing = new ManualResetEventSlim();
        using var mayFree = new ManualResetEventSlim();
        var device = new WatchedDevice
        {
            OnDisposed = () =>
            {
                isFreeing.Set();
                mayFree.Wait();
            },
        };
        var model = await TestModels.LoadAsync("models", "llama.gguf", device: device);
        var first = model.DisposeAsync().AsTask();
        isFreeing.Wait();
        var second = model.DisposeAsync().AsTask();
        var isEarly = await Task.WhenAny(second, Task.Delay(200)) == second;
        mayFree.Set();
        await Task.WhenAll(first, second);
        Assert.That(isEarly, Is.False);
        await model.DisposeAsync();
    }

    [Test]
    public async Task BrokenFilesAreRefusedAndWhatLoadsGivesFiniteText()
    {
        using var index = JsonDocument.Parse(await File.ReadAllBytesAsync(Fixtures.Path("malformed", "index.json")));
        foreach (var entry in index.RootElement.GetProperty("files").EnumerateArray())
        {
            var (name, expect) = (entry.GetProperty("file").GetString()!, entry.GetProperty("expect").GetString());
            try
            {
                await using var model = await LanguageModel.LoadAsync(Fixtures.Path("malformed", name));
                Assert.That(expect, Is.Not.EqualTo("refuse"), name);
                var result = await model.CompleteAsync((int[])[1, 2, 3], new GenerationOptions { MaximumTokens = 8, LogProbabilities = 0 });
                Assert.That(result.Tokens.Select(token => token.LogProbability), Is.All.Not.NaN, name);
            }
            catch (ModelFormatException error)
            {
                Assert.That(expect, Is.Not.EqualTo("accept"), error.Message);
                Assert.That(error.Message, Does.Contain(name));
            }
            catch (AbiException error) when (expect == "refuse-or-accept")
            {
                await TestContext.Out.WriteLineAsync($"{name}: {error.Message}");
            }
        }
    }

    [Test]
    public async Task ACancelledOrFailedLoadLeavesNothingMapped([Values] ModelLoadStage stage)
    {
        var path = Copy();
        try
        {
            using var stop = new CancellationTokenSource();
            var seen = new Immediate<ModelLoadProgress>(progress =>
            {
                if (progress.Stage == stage)
                {
                    stop.Cancel();
                }
            });
            var loading = LanguageModel.LoadAsync(path, new ModelLoadOptions { Prefetch = true }, seen, stop.Token);
            if (stage == ModelLoadStage.Ready)
            {
                await (await loading).DisposeAsync(); // too late to cancel
            }
            else
            {
                Assert.That(async () => await loading, Throws.InstanceOf<OperationCanceledException>());
            }

            Assert.That(IsMapped(path), Is.False);
            var throws = new ModelLoadOptions { Engine = new EngineOptions { ContextLength = 64 }, Device = new NoMemory() };
            Assert.That(async () => await LanguageModel.LoadAsync(path, throws), Throws.TypeOf<AbiException>().With.Message.Contains("not enough memory").And.Message.Contains("ContextLength"));
            Assert.That(IsMapped(path), Is.False);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public async Task TheFileIsMappedWhileAModelOfItLivesAndNotAfter()
    {
        var path = Copy();
        try
        {
            var (first, second) = (await LanguageModel.LoadAsync(path), await LanguageModel.LoadAsync(path));
            Assert.That(IsMapped(path), Is.EqualTo(OperatingSystem.IsLinux()));
            var text = (await first.CompleteAsync(Prompt, new GenerationOptions { MaximumTokens = 5, Sampling = SamplingOptions.Greedy })).Text;
            first.Dispose();
            await first.DisposeAsync();
            Assert.That(IsMapped(path), Is.EqualTo(OperatingSystem.IsLinux()));
            Assert.That((await second.CompleteAsync(Prompt, new GenerationOptions { MaximumTokens = 5, Sampling = SamplingOptions.Greedy })).Text, Is.EqualTo(text), "the last unmaps it");
            await second.DisposeAsync();
            Assert.That(IsMapped(path), Is.False);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public async Task CancellingWhileGeneratingKeepsWhatWasGenerated()
    {
        await using var model = await LanguageModel.LoadAsync(StoriesModel.Path);
        var whole = (await model.CompleteAsync(Prompt, Endless with { MaximumTokens = 40 })).Tokens.Select(token => token.Id).ToArray();
        using var session = model.CreateSession();
        using var stop = new CancellationTokenSource();
        var pieces = new List<GeneratedPiece>();
        Assert.That(
            async () =>
            {
                await foreach (var piece in session.GenerateAsync(Prompt, Endless with { BufferedTokens = 4 }, stop.Token))
                {
                    pieces.Add(piece);
                    if (pieces.Count == 6)
                    {
                        await stop.CancelAsync();
                    }
                }
            },
            Throws.InstanceOf<OperationCanceledException>().With.Property("CancellationToken").EqualTo(stop.Token));
        var kept = session.Count - model.Encode(Prompt).Length;
        Assert.That(kept, Is.InRange(6, 12), "it stops within a token of what the reader let it generate");
        var rest = await InferenceEngineTests.Read(session.Start([], Endless with { MaximumTokens = 40 - kept }));
        Assert.That(session.GetIds()[^40..], Is.EqualTo(whole));
        Assert.That(rest.Ids, Is.EqualTo(whole[kept..]));
    }

    [Test]
    public async Task AReaderThatThrowsEndsItsGenerationAlone()
    {
        await using var model = await LanguageModel.LoadAsync(StoriesModel.Path);
        var options = new GenerationOptions { MaximumTokens = 200, Sampling = SamplingOptions.Greedy, IgnoreEndOfGeneration = true };
        Assert.That(
            async () =>
            {
                await foreach (var piece in model.GenerateAsync(Prompt, options))
                {
                    throw new InvalidTimeZoneException(piece.Text);
                }
            },
            Throws.TypeOf<InvalidTimeZoneException>());
        Assert.That((await model.CompleteAsync(Prompt, options with { MaximumTokens = 5 })).Tokens, Has.Length.EqualTo(5));
        Assert.That(() => model.Engine.Statistics.Active, Is.Zero.After(2000, 10), "what its reader left does not go on");
    }

    [Test]
    public async Task TheModelsOwnTokensEndAText()
    {
        await using var model = await LanguageModel.LoadAsync(StoriesModel.Path);
        var (seed, result) = (0, (GenerationResult?)null);
        while (result?.Outcome.FinishReason != FinishReason.StopToken && seed < 10)
        {
            // now and then a story is longer than the context
            result = await model.CompleteAsync("Once upon a time", new GenerationOptions { Sampling = new SamplingOptions { Seed = ++seed }, ContextFull = ContextFullPolicy.Truncate });
        }

        Assert.That(result!.Outcome.FinishReason, Is.EqualTo(FinishReason.StopToken));
        Assert.That(model.Tokenizer.EndOfGenerationIds, Does.Contain(result.Outcome.StopTokenId!.Value));
        Assert.That(result.Tokens.Select(token => token.Id), Has.None.EqualTo(result.Outcome.StopTokenId));
        Assert.That(result.Text, Does.Not.Contain("</s>"));
        Assert.That(result.Outcome.Usage, Is.EqualTo(new GenerationUsage(model.Encode("Once upon a time").Length, 0, result.Tokens.Length + 1)));
        var more = await model.CompleteAsync("Once upon a time", new GenerationOptions { Sampling = new SamplingOptions { Seed = seed }, IgnoreEndOfGeneration = true, MaximumTokens = result.Tokens.Length + 5 });
        Assert.That((more.Outcome.FinishReason, more.Tokens.Length), Is.EqualTo((FinishReason.Length, result.Tokens.Length + 5)));
    }

    [Test]
    public async Task TextsBecomeVectorsInTheirOrder()
    {
        await using var model = await LanguageModel.LoadAsync(StoriesModel.Path);
        var options = new EmbeddingOptions { Pooling = Abi.Llm.Models.EmbeddingPooling.Mean, Normalize = true };
        string[] texts = ["The dog ran.", "A cake.", "The dog ran."];
        var vectors = await model.EmbedAsync(texts, options);
        Assert.That(vectors.Select(vector => vector.TokenCount), Is.EqualTo(texts.Select(text => model.Tokenizer.CountTokens(text))));
        Assert.That(vectors[2].Values.ToArray(), Is.EqualTo(vectors[0].Values.ToArray()).And.Not.EqualTo(vectors[1].Values.ToArray()));
        Assert.That((await model.EmbedAsync(texts[1], options)).Values.ToArray(), Is.EqualTo(vectors[1].Values.ToArray()));
        Assert.That(async () => await model.EmbedAsync(["a", null!]), Throws.ArgumentException.With.Message.Contains("Text 1 is null"));
        Assert.That(model.ClassLabels, Is.Empty);
        Assert.That(async () => await model.RerankAsync("a", ["b"]), Throws.TypeOf<UnsupportedModelException>());
    }

    private static string Copy()
    {
        var path = Path.Combine(Path.GetTempPath(), $"abi-{Guid.NewGuid():N}.gguf");
        File.Copy(StoriesModel.Path, path);
        return path;
    }

    /// <summary>Whether this process maps the file; false where the system does not say.</summary>
    private static bool IsMapped(string path) => OperatingSystem.IsLinux() && File.ReadAllText("/proc/self/maps").Contains(path, StringComparison.Ordinal);

    private sealed class Immediate<T>(Action<T> act) : IProgress<T>
    {
        public void Report(T value) => act(value);
    }

    /// <summary>A device that has run out of memory.</summary>
    private sealed class NoMemory : IDevice
    {
        public string Name => "full";

        public StepPlan Lower(Abi.Compute.Graphs.Graph graph, LoweringOptions options) => throw new InsufficientMemoryException();

        public StateStore CreateState(Abi.Compute.Graphs.StateLayout layout, StateOptions options) => throw new InsufficientMemoryException();

        public void Dispose()
        {
        }
    }
}
