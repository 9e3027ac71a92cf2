using System.Runtime.InteropServices;
using Abi.Compute.Cpu;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Scalar;
using Abi.Llm.Engine;
using Abi.Llm.Gguf;
using Abi.Llm.Sampling;
using Abi.Llm.Tests.Engine;

namespace Abi.Llm.Tests.Activations;

/// <summary>Hooks see every hidden state once, change what they are asked to and nothing of others; control vectors are hooks.</summary>
[Parallelizable]
public sealed class ActivationHookTests
{
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact, ContextLength = 256, MaximumRows = 16 };

    private static GenerationOptions Tokens(int count) => new()
    {
        MaximumTokens = count, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 1, Seed = 3 }, LogProbabilities = 0,
    };

    [TestCase("llama.gguf")]
    [TestCase("gemma3.gguf")]
    [TestCase("mamba.gguf")]
    [TestCase("mixtral.gguf")]
    public async Task AReadingHookSeesEveryTokenAndChangesNoBit(string file)
    {
        await using var model = await TestModels.LoadAsync("models", file, Exact);
        var prompt = TestModels.Ids(50, model.Engine.VocabularySize, 1);
        var plain = await ReadAsync(model.Engine.Start(prompt, Tokens(5)));
        var hook = new Recorder();
        var beside = ReadAsync(model.Engine.Start(prompt, Tokens(5)));
        Assert.That(await ReadAsync(model.Engine.Start(prompt, Tokens(5) with { ActivationHooks = [hook] })), Is.EqualTo(plain));
        Assert.That(await beside, Is.EqualTo(plain));

        var layers = model.Definition.Hyperparameters.BlockCount;
        Assert.That(hook.Seen.Keys.Select(point => (point.Kind, point.Layer)), Is.EquivalentTo(
            Enumerable.Range(0, layers).Select(layer => (ActivationPointKind.LayerOutput, layer)).Append((ActivationPointKind.Embeddings, -1)).Append((ActivationPointKind.FinalNorm, -1))));
        foreach (var (point, rows) in hook.Seen)
        {
            Assert.That(point.Width, Is.EqualTo(model.Definition.Hyperparameters.EmbeddingLength));
            var positions = rows.Select(row => row.Position).ToArray();
            Assert.That(positions, Is.EqualTo(point.Kind == ActivationPointKind.FinalNorm ? Enumerable.Range(49, 5) : Enumerable.Range(0, 54)), $"{point}");
        }
    }

    [Test]
    public async Task EmbeddingsAndTheLastNormAreWhatTheirNamesSay()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        var prompt = TestModels.Ids(20, model.Engine.VocabularySize, 1);
        var hook = new Recorder();
        await ReadAsync(model.Engine.Start(prompt, Tokens(1) with { ActivationHooks = [hook] }));
        var width = model.Definition.Hyperparameters.EmbeddingLength;
        var table = model.Tensors.Single(tensor => tensor.Name == "token_embd.weight").ToFloats();
        var embeddings = hook.Seen.Single(entry => entry.Key.Kind == ActivationPointKind.Embeddings).Value;
        for (var i = 0; i < prompt.Length; i++)
        {
            Assert.That(embeddings[i].State, Is.EqualTo(table[(prompt[i] * width)..((prompt[i] + 1) * width)]));
        }

        var state = hook.Seen.Single(entry => entry.Key.Kind == ActivationPointKind.FinalNorm).Value.Single().State;
        var output = model.Tensors.Single(tensor => tensor.Name == "output.weight").ToFloats();
        var logits = await model.ComputeLogitsAsync(prompt);
        for (var id = 0; id < logits.Length; id++)
        {
            var sum = 0d;
            for (var i = 0; i < width; i++)
            {
                sum += (double)output[(id * width) + i] * state[i];
            }

            Assert.That(logits[id], Is.EqualTo(sum).Within(1e-4 * Math.Max(1, Math.Abs(sum))));
        }
    }

    [TestCase("llama.gguf")]
    [TestCase("mamba.gguf")]
    public async Task AControlVectorIsAddedBehindItsLayersAndOnlyThere(string file)
    {
        await using var model = await TestModels.LoadAsync("models", file, Exact);
        var width = model.Definition.Hyperparameters.EmbeddingLength;
        var random = new Random(4);
        var directions = Enumerable.Range(0, 2).ToDictionary(layer => layer, _ => Enumerable.Range(0, width).Select(_ => random.NextSingle() - 0.5f).ToArray());
        var vector = ControlVector.Create(directions);
        var prompt = TestModels.Ids(40, model.Engine.VocabularySize, 1);
        var plain = await ReadAsync(model.Engine.Start(prompt, Tokens(6)));

        var (before, after) = (new Recorder(), new Recorder());
        await ReadAsync(model.Engine.Start(prompt, Tokens(1) with { ActivationHooks = [before] }));
        await ReadAsync(model.Engine.Start(prompt, Tokens(1) with { ControlVectors = [new ControlVectorUse(vector, 2, LastLayer: 0)], ActivationHooks = [after] }));
        var first = new ActivationPoint(ActivationPointKind.LayerOutput, 0, width);
        for (var i = 0; i < prompt.Length; i++)
        {
            Assert.That(after.Seen[first][i].State, Is.EqualTo(before.Seen[first][i].State.Zip(directions[0], (x, d) => x + (2 * d))).Within(1e-5f));
        }

        // company does not change it, and it changes nobody
        var steered = Tokens(6) with { ControlVectors = [new ControlVectorUse(vector, 3)] };
        var alone = await ReadAsync(model.Engine.Start(prompt, steered));
        Assert.That(alone, Is.Not.EqualTo(plain));
        var together = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => ReadAsync(model.Engine.Start(prompt, i % 2 == 0 ? steered : Tokens(6)))));
        for (var i = 0; i < together.Length; i++)
        {
            Assert.That(together[i], Is.EqualTo(i % 2 == 0 ? alone : plain));
        }

        // a session that goes on without it computes its text anew
        using var session = model.CreateSession();
        await ReadAsync(session.Start(prompt, steered with { MaximumTokens = 1 }));
        session.Rewind(prompt.Length);
        Assert.That(await ReadAsync(session.Start([], Tokens(6))), Is.EqualTo(plain));
        session.Rewind(prompt.Length);
        Assert.That(await ReadAsync(session.Start([], steered)), Is.EqualTo(alone));
    }

    [Test]
    public async Task TheProcessorsDeviceAgreesWithThePlainOne()
    {
        var results = new List<float[]>();
        using var plain = new ScalarDevice();
        foreach (var device in (IDevice[])[plain, CpuDevice.Default])
        {
            await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact, device);
            var hook = new Recorder { Change = static (point, position, state) => state[position % state.Length] *= point.Layer == 1 ? -1 : 1 };
            var prompt = TestModels.Ids(20, model.Engine.VocabularySize, 1);
            await ReadAsync(model.Engine.Start(prompt, Tokens(1) with { ActivationHooks = [hook] }));
            results.Add([.. hook.Seen.OrderBy(entry => entry.Key.Kind).ThenBy(entry => entry.Key.Layer).SelectMany(entry => entry.Value).SelectMany(row => row.State)]);
        }

        Assert.That(results[1], Is.EqualTo(results[0]).Within(1e-4f));
    }

    [Test]
    public async Task AHookThatThrowsFailsItsRequestAlone()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        var prompt = TestModels.Ids(40, model.Engine.VocabularySize, 1);
        var plain = await ReadAsync(model.Engine.Start(prompt, Tokens(20)));
        var good = ReadAsync(model.Engine.Start(prompt, Tokens(20)));
        using var session = model.CreateSession();
        var broken = new Recorder { Change = static (_, position, _) => _ = position == 30 ? throw new InvalidTimeZoneException() : 0 };
        Assert.That(async () => await ReadAsync(session.Start(prompt, Tokens(20) with { ActivationHooks = [broken] })), Throws.TypeOf<InvalidTimeZoneException>());
        Assert.That(await good, Is.EqualTo(plain));
        Assert.That(await ReadAsync(session.Start([], Tokens(20))), Is.EqualTo(plain), "the session goes on without it");
    }

    [Test]
    public async Task ControlVectorsAreReadFromFilesAndCheckedAgainstTheModel()
    {
        var path = Path.Combine(Path.GetTempPath(), $"abi-{Guid.NewGuid():N}.gguf");
        Assert.That(() => ControlVector.Load(path), Throws.TypeOf<AbiException>().With.Message.Contains("no control vector at"));
        try
        {
            Write(("direction.1", 64), ("direction.3", 64));
            var vector = ControlVector.Load(path);
            Assert.That((vector.Width, vector.Layers), Is.EqualTo((64, new[] { 1, 3 })).Using<(int, IReadOnlyList<int>)>((a, b) => a.Item1 == b.Item1 && a.Item2.SequenceEqual(b.Item2)));
            foreach (var tensors in ((string, int)[][])[[("direction.0", 64)], [("direction.x", 64)], [("direction.1", 64), ("direction.2", 32)], [("other", 64)]])
            {
                Write(tensors);
                Assert.That(() => ControlVector.Load(path), Throws.TypeOf<ModelFormatException>().With.Message.Contains("control vector"));
            }

            WriteFloats([0, float.NaN], ("direction.1", 2));
            Assert.That(() => ControlVector.Load(path), Throws.TypeOf<ModelFormatException>().With.Message.Contains("not finite"));
            Assert.That(() => ControlVector.Create(new Dictionary<int, float[]> { [0] = [1, float.PositiveInfinity] }), Throws.ArgumentException.With.Message.Contains("finite"));

            await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
            var narrow = ControlVector.Create(new Dictionary<int, float[]> { [0] = [1, 2, 3] });
            Assert.That(() => model.Engine.Start([3], Tokens(1) with { ControlVectors = [new ControlVectorUse(narrow)] }), Throws.ArgumentException.With.Message.Contains("3 floats"));
            await using var t5 = await TestModels.LoadAsync("models", "t5.gguf", Exact);
            Assert.That(() => t5.Engine.Start([3], Tokens(1) with { ActivationHooks = [new Recorder()] }), Throws.TypeOf<UnsupportedModelException>());
        }
        finally
        {
            File.Delete(path);
        }

        void Write(params (string Name, int Length)[] tensors) => WriteFloats([.. Enumerable.Range(0, 64).Select(i => (float)i)], tensors);

        void WriteFloats(float[] floats, params (string Name, int Length)[] tensors)
        {
            var metadata = new Dictionary<string, GgufValue> { ["general.architecture"] = GgufValue.Of("controlvector") };
            var writer = new GgufWriter(new GgufMetadata(metadata));
            foreach (var (name, length) in tensors)
            {
                writer.Add(name, TensorType.F32, [length], MemoryMarshal.AsBytes(floats.AsSpan(0, length)).ToArray());
            }

            writer.Write(path);
        }
    }

    private static async Task<float[]> ReadAsync(GenerationStream stream) => (await CheckpointTests.RunAsync(stream)).Bits;

    private sealed class Recorder : IActivationHook
    {
        public Dictionary<ActivationPoint, List<(int Position, float[] State)>> Seen { get; } = [];

        public RecorderChange? Change { get; init; }

        public bool Observes(ActivationPoint point) => true;

        public void Process(ActivationPoint point, int position, Span<float> hiddenState)
        {
            Change?.Invoke(point, position, hiddenState);
            CollectionsMarshal.GetValueRefOrAddDefault(Seen, point, out _) ??= [];
            Seen[point].Add((position, hiddenState.ToArray()));
        }
    }

    private delegate void RecorderChange(ActivationPoint point, int position, Span<float> hiddenState);
}
