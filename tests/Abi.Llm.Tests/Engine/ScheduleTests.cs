using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Engine;

/// <summary>Random schedules of sessions that generate, fork, rewind, are saved, restored and cancelled, many at once in little memory: every generation has the bits of one that runs alone.</summary>
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

    /// <param name="Encoder">The encoder's tokens, if the model has one.</param>
    /// <param name="Text">The tokens before those generated.</param>
    /// <param name="Bits">The tokens generated, and their log-probabilities.</param>
    /// <param name="Seed">The sampler's seed.</param>
    private sealed record Generation(int[] Encoder, int[] Text, float[] Bits, int Seed);
}
