using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Engine;

/// <summary>
/// Random schedules of sessions that generate, fork, rewind, are saved, restored and cancelled, with slow readers, beam searches, several texts of a prompt, evaluations and embeddings among them, many at
/// once in little memory: everything has the bits of the same alone.
/// </summary>
public sealed class ScheduleTests
{
    private const int Sessions = 5;
    private const int Turns = 14;
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact, ContextLength = 160 };

    private static GenerationOptions Tokens(int count, long seed) => new()
    {
        MaximumTokens = count, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 1, Seed = seed }, LogProbabilities = 0,
    };

    [TestCase("llama.gguf", TensorType.F32)]
    [TestCase("llama.gguf", TensorType.Q8_0)]
    [TestCase("gemma3.gguf", TensorType.F32)]
    [TestCase("gemma3.gguf", TensorType.Q4_0)]
    [TestCase("mamba.gguf", TensorType.F32)]
    [TestCase("t5.gguf", TensorType.F32)]
    public async Task EveryGenerationHasTheBitsOfOneAlone(string file, TensorType type)
    {
        var options = Exact with { CacheType = type };
        await using var crowd = await TestModels.LoadAsync(
            "models", file, options with { CacheTokens = 500, MaximumRows = 24, MaximumPromptRowsBesideDecode = 11, MaximumSequences = 4, CheckpointInterval = 16 });
        var lines = await Task.WhenAll(Enumerable.Range(0, Sessions).Select(i => Task.Run(() => LineAsync(crowd, i))));

        // the same texts, each computed from its first token by an engine that has nothing else to do and reuses nothing
        await using var alone = await TestModels.LoadAsync("models", file, options with { ReusePrefixes = false });
        foreach (var (generation, i) in lines.SelectMany(line => line).Select((generation, i) => (generation, i)))
        {
            using var session = alone.CreateSession();
            if (generation.Encoder.Length > 0)
            {
                await ReadAsync(session.Start(generation.Encoder, Tokens(0, 0)));
            }

            session.Rewind(session.Count == 0 ? 0 : 1);
            var expected = await ReadAsync(session.Start(generation.Text.AsSpan(generation.Encoder.Length > 0 ? 1 : 0), Tokens(generation.Bits.Length / 2, generation.Seed)));
            Assert.That(generation.Bits, Is.EqualTo(expected), $"generation {i}");
        }

        Assert.That(lines.Sum(line => line.Count), Is.GreaterThan(Sessions * Turns / 3), "the schedule generates");
    }

    [TestCase("llama.gguf", TensorType.F32)]
    [TestCase("llama.gguf", TensorType.Q4_0)]
    [TestCase("gemma3.gguf", TensorType.F16)]
    [TestCase("mamba.gguf", TensorType.F32)]
    [TestCase("t5.gguf", TensorType.F32)]
    public async Task WhateverRunsBesideItEverythingHasTheBitsOfTheSameAlone(string file, TensorType type)
    {
        var options = Exact with { CacheType = type };
        var tasks = new List<(Work Work, float[] Bits)>();
        await using (var crowd = await TestModels.LoadAsync(
            "models", file, options with { CacheTokens = 500, MaximumRows = 24, MaximumPromptRowsBesideDecode = 11, MaximumSequences = 4, CheckpointInterval = 16 }))
        {
            // sessions come and go meanwhile; their own generations are compared by the other test
            var lines = Enumerable.Range(0, Sessions).Select(i => Task.Run(() => LineAsync(crowd, 100 + i))).ToList();
            var kinds = Enum.GetValues<WorkKind>();
            var users = await Task.WhenAll(Enumerable.Range(0, 4).Select(user => Task.Run(async () =>
            {
                var random = new Random(user);
                var done = new List<(Work, float[])>();
                for (var turn = 0; turn < 2 * kinds.Length; turn++)
                {
                    var work = new Work(kinds[(turn + user) % kinds.Length], random.Next(100), random.Next(-1, 2));
                    done.Add((work, await DoAsync(crowd, work)));
                }

                return done;
            })));
            await Task.WhenAll(lines);
            tasks.AddRange(users.SelectMany(done => done));
            Assert.That(crowd.Engine.Statistics, Has.Property("Active").Zero.And.Property("Waiting").Zero);
        }

        await using var alone = await TestModels.LoadAsync("models", file, options with { ReusePrefixes = false });
        foreach (var (work, bits) in tasks)
        {
            Assert.That(bits, Is.EqualTo(await DoAsync(alone, work with { IsHurried = true })).And.Not.Empty, $"{work}");
        }
    }

    /// <summary>Does it and gives its numbers.</summary>
    private static async Task<float[]> DoAsync(LanguageModel model, Work work)
    {
        var vocabulary = model.Engine.VocabularySize;
        var trunk = TestModels.Ids(60, vocabulary, 1); // what many texts begin with
        int[] prompt = [.. trunk[..(work.Seed % 60)], .. TestModels.Ids(1 + (work.Seed % 23), vocabulary, work.Seed)];
        switch (work.Kind)
        {
            case WorkKind.SlowReader:
                return await ReadSlowlyAsync(model.Engine.Start(prompt, Tokens(12, work.Seed) with { BufferedTokens = 1 + (work.Seed % 3), Priority = work.Priority }), work.IsHurried ? 0 : work.Seed);
            case WorkKind.AbandonedReader:
            {
                // one that stops reading and gives up: nobody else notices, and what it had read is right
                await using var stream = model.Engine.Start(prompt, Tokens(40, work.Seed) with { BufferedTokens = 1, Priority = work.Priority });
                var bits = new List<float>();
                await foreach (var piece in stream.ReadPiecesAsync())
                {
                    bits.AddRange(piece.Tokens.SelectMany(token => new[] { token.Id, token.LogProbability }));
                    if (bits.Count >= 6)
                    {
                        break;
                    }
                }

                return [.. bits.Take(6)];
            }

            case WorkKind.Beams:
                return [.. (await model.BeamSearchAsync(prompt, new BeamSearchOptions { Width = 3, MaximumTokens = 5 })).SelectMany(Bits)];
            case WorkKind.Many:
                return [.. (await model.CompleteManyAsync(prompt, 3, Tokens(6, work.Seed) with { Priority = work.Priority })).SelectMany(Bits)];
            case WorkKind.Logits:
                return model.Definition.Kind == Abi.Llm.Models.ModelKind.EncoderDecoder
                    ? await model.ComputeLogitsAsync(trunk.AsMemory(0, 7), all: true, encoderIds: prompt)
                    : await model.ComputeLogitsAsync(prompt, all: true);
            default:
                return [.. (await model.Engine.EmbedAsync([prompt, trunk.AsMemory(0, 5)], new EmbeddingOptions { Pooling = Abi.Llm.Models.EmbeddingPooling.Mean })).SelectMany(result => result.Values.ToArray())];
        }
    }

    private static IEnumerable<float> Bits(GenerationResult result) => result.Tokens.SelectMany(token => new[] { token.Id, token.LogProbability });

    private static async Task<float[]> ReadSlowlyAsync(GenerationStream stream, int seed)
    {
        var random = new Random(seed);
        var bits = new List<float>();
        await using (stream)
        {
            await foreach (var piece in stream.ReadPiecesAsync())
            {
                bits.AddRange(piece.Tokens.SelectMany(token => new[] { token.Id, token.LogProbability }));
                if (seed > 0)
                {
                    await Task.Delay(random.Next(8));
                }
            }
        }

        return [.. bits];
    }

    /// <summary>One user's session, and its forks.</summary>
    private static async Task<List<Generation>> LineAsync(LanguageModel model, int seed)
    {
        var random = new Random(seed);
        var vocabulary = model.Engine.VocabularySize;
        var isEncoderDecoder = model.Definition.Kind == Abi.Llm.Models.ModelKind.EncoderDecoder;
        var trunk = TestModels.Ids(120, vocabulary, 1);
        var done = new List<Generation>();
        var (session, encoder) = (model.CreateSession(), (int[])[]);
        for (var turn = 0; turn < Turns; turn++)
        {
            switch (random.Next(6))
            {
                case 0 when session.Count > 0:
                    session.Rewind(random.Next(session.Count + 1)); // to nothing, too: then an encoder-decoder model is given another text to encode
                    break;
                case 1 when session.Count > 0:
                    // the fork goes on; what it leaves behind takes up memory until a request wants it
                    var fork = session.Fork();
                    if (random.Next(2) == 0)
                    {
                        session.Dispose();
                    }

                    session = fork;
                    break;
                case 2 when session.Count > 0:
                    using (var saved = new MemoryStream())
                    {
                        await session.SaveAsync(saved);
                        saved.Position = 0;
                        session.Dispose();
                        session = await model.RestoreSessionAsync(saved);
                    }

                    break;
                case 3 when session.Count is > 0 and < 120:
                    using (var stop = new CancellationTokenSource())
                    {
                        stop.CancelAfter(random.Next(3));
                        try
                        {
                            await ReadAsync(session.Start([], Tokens(20, turn), stop.Token));
                        }
                        catch (OperationCanceledException)
                        {
                        }
                    }

                    break;
                default:
                    if (session.Count > 110)
                    {
                        session.Rewind(random.Next(60));
                    }

                    int[] prompt = session.Count == 0 ? trunk[..random.Next(1, 90)] : TestModels.Ids(random.Next(1, 30), vocabulary, random.Next(3));
                    if (isEncoderDecoder && session.Count == 0)
                    {
                        encoder = prompt;
                    }

                    var before = session.Count;
                    var bits = await ReadAsync(session.Start(prompt, Tokens(random.Next(1, 12), turn)));
                    var text = session.GetIds();
                    done.Add(new Generation(encoder, text[..^(bits.Length / 2)], bits, turn));
                    Assert.That(text, Has.Length.EqualTo(Math.Max(before + prompt.Length, 1) - (isEncoderDecoder && before == 0 ? prompt.Length - 1 : 0) + (bits.Length / 2)));
                    break;
            }
        }

        session.Dispose();
        return done;
    }

    private static async Task<float[]> ReadAsync(GenerationStream stream) => (await CheckpointTests.RunAsync(stream)).Bits;

    private enum WorkKind
    {
        SlowReader,
        AbandonedReader,
        Beams,
        Many,
        Logits,
        Embedding,
    }

    /// <param name="Kind">What is done.</param>
    /// <param name="Seed">Of its text and of all chance in it.</param>
    /// <param name="Priority">Of its requests, where they have one.</param>
    /// <param name="IsHurried">Whether a slow reader is none.</param>
    private sealed record Work(WorkKind Kind, int Seed, int Priority, bool IsHurried = false);

    /// <param name="Encoder">The encoder's tokens, if the model has one.</param>
    /// <param name="Text">The tokens before those generated.</param>
    /// <param name="Bits">The tokens generated, and their log-probabilities.</param>
    /// <param name="Seed">The sampler's seed.</param>
    private sealed record Generation(int[] Encoder, int[] Text, float[] Bits, int Seed);
}
