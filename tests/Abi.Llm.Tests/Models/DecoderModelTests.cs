using System.Globalization;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Testing;

namespace Abi.Llm.Tests.Models;

/// <summary>
/// Models of <see cref="DecoderModels"/> beside the logits and greedy ids that the reference gave for them, a few of which are recorded. To compare all of them with the reference,
/// <see cref="ArchitectureTableTests.WriteModelsOfOurOwn"/> writes the files to a folder, <c>benchmarks/compare/architectures/make-references.sh</c> makes the references there, and
/// <see cref="ArchitectureTableTests.AllArchitecturesEqualTheReference"/> compares. <see cref="RecordReferences"/> writes the recorded ones anew.
/// </summary>
[Parallelizable]
public sealed class DecoderModelTests
{
    private const int PromptLength = 100;
    private const int RecordedLogits = 12;
    private static readonly int[] RecordedRows = [9, 99];
    private string _path = string.Empty;

    private static string References => Path.Combine(Repository.Root, "tests", "Abi.Llm.Tests", "Models", "DecoderModelReferences.txt");

    private static IEnumerable<string> Decoders() => DecoderModels.Names.Where(name => !IsEmbedder(name));

    private static IEnumerable<string> Embedders() => DecoderModels.Names.Where(IsEmbedder);

    [SetUp]
    public void ChoosePath() => _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    [TearDown]
    public void RemoveFile() => File.Delete(_path);

    [Test]
    public void LogitsAndGreedyIdsEqualTheRecordedOnes([ValueSource(nameof(Decoders))] string name, [Values] TestDevice on)
    {
        DecoderModels.Write(_path, name);
        using var file = GgufFile.Open(_path);
        using var device = on.Create();
        using var runner = new ModelRunner(device, ModelDefinition.Create(file), context: 160);
        var vocabulary = (int)file.FindTensor("token_embd.weight")!.Rows;
        var logits = runner.Feed(ArchitectureTableTests.Prompt(PromptLength, vocabulary));
        var recorded = Recorded(name);
        AssertRows(logits, vocabulary, recorded);
        var last = logits[^vocabulary..];
        foreach (var id in recorded["greedy"].Select(text => int.Parse(text, CultureInfo.InvariantCulture)))
        {
            Assert.That(ModelDefinitionTests.Best(last), Is.EqualTo(id));
            last = runner.Feed([id]);
        }
    }

    [Test]
    public void EmbeddingsEqualTheRecordedOnes([ValueSource(nameof(Embedders))] string name, [Values] TestDevice on)
    {
        DecoderModels.Write(_path, name);
        using var file = GgufFile.Open(_path);
        var model = ModelDefinition.Create(file);
        Assert.That(model.Kind, Is.EqualTo(ModelKind.Encoder));
        AssertRows(EncoderTests.Embed(on, model, EmbeddingPooling.None, ArchitectureTableTests.Prompt(PromptLength, 128)), model.Hyperparameters.EmbeddingLength, Recorded(name));
    }

    [Test]
    public void PiecesSingleTokensAndCompanyGiveTheSameBits([ValueSource(nameof(Decoders))] string name, [Values] TestDevice on)
    {
        DecoderModels.Write(_path, name);
        using var file = GgufFile.Open(_path);
        using var device = on.Create();
        var model = ModelDefinition.Create(file);
        var tokens = ArchitectureTableTests.Prompt(64, 128);
        using var whole = new ModelRunner(device, model);
        using var pieces = new ModelRunner(device, model);
        var expected = whole.Feed(tokens);
        var actual = new List<float>();
        foreach (var (from, to) in ((int, int)[])[(0, 37), (37, 38), (38, 39), (39, 64)])
        {
            actual.AddRange(pieces.Feed(tokens.AsSpan(from, to - from)));
        }

        Assert.That(actual, Is.EqualTo(expected));
        Assert.That(Together(device, model, [5, 6, 7], tokens, [9]), Is.EqualTo(expected), "beside other sequences");
    }

    public static IEnumerable<TestCaseData> Impossible() =>
    [
        new("apertus", "xielu.alpha_n", GgufValue.Of([0.5f])),
        new("apertus", "xielu.eps", GgufValue.Of(float.NaN)),
        new("bailingmoe3", "bailingmoe3.kda.gate_lower_bound", GgufValue.Of(1f)),
        new("bitnet", "bitnet.hidden_activation", GgufValue.Of("tan")),
        new("grovemoe", "grovemoe.experts_per_group", GgufValue.Of(3u)),
        new("k2-horizon", "k2-horizon.attention.group_norm_groups", GgufValue.Of(7u)),
        new("k2-horizon+softmax", "k2-horizon.attention.value_expert_count", GgufValue.Of(0u)),
        new("step35", "step35.swiglu_clamp_exp", GgufValue.Of([0f, 1f])),
    ];

    [TestCaseSource(nameof(Impossible))]
    public void ANumberThatCannotBeIsRefusedByName(string name, string key, GgufValue value)
    {
        DecoderModels.Write(_path, name);
        using var file = GgufFile.Open(_path);
        Assert.That(() => ModelDefinition.Create(file.WithMetadata(file.Metadata.With(key, value))), Throws.TypeOf<ModelFormatException>().With.Message.Contains($"'{key}'"));
    }

    [Test]
    public void ABitNetWhoseFileNamesItHasASquaredGate()
    {
        DecoderModels.Write(_path, "bitnet");
        using var file = GgufFile.Open(_path);
        var graph = ModelDefinition.Create(file.WithMetadata(file.Metadata.With("bitnet.hidden_activation", GgufValue.Of("relu2")))).DecoderGraph!;
        Assert.That(graph.Operations.OfType<Activate>().Select(activate => activate.Kind), Is.All.EqualTo(ActivationKind.ReluSquared).And.Exactly(4).Items);
        Assert.That(graph.Operations.OfType<Gate>(), Is.Empty);
    }

    [Test]
    public void ATokenOfAnImageIsNeverNext()
    {
        DecoderModels.Write(_path, "chameleon");
        using var file = GgufFile.Open(_path);
        using var device = TestDevice.Cpu.Create();
        using var runner = new ModelRunner(device, ModelDefinition.Create(file));
        foreach (var row in runner.Feed([1, 2, 3]).Chunk((int)file.FindTensor("token_embd.weight")!.Rows))
        {
            Assert.That(row.Index().Where(logit => logit.Item == float.MinValue).Select(logit => logit.Index), Is.EqualTo(Enumerable.Range(4, 8192)));
        }
    }

    [Test]
    public void AChameleonWithNormsBehindItsPartsIsRefused()
    {
        DecoderModels.Write(_path, "chameleon");
        using var file = GgufFile.Open(_path);
        Assert.That(() => ModelDefinition.Create(file.WithMetadata(file.Metadata.With("chameleon.swin_norm", GgufValue.Of(true)))), Throws.TypeOf<UnsupportedModelException>().With.Message.Contains("'chameleon.swin_norm'"));
    }

    [Test]
    [Explicit("Records some of the references in the folder ABI_ARCHITECTURES.")]
    public void RecordReferences()
    {
        var folder = Environment.GetEnvironmentVariable("ABI_ARCHITECTURES")!;
        var lines = new List<string>();
        foreach (var name in DecoderModels.Names)
        {
            var (shape, logits) = NpyFile.Read<float>(Path.Combine(folder, $"{name}.npy"));
            lines.AddRange(RecordedRows.Select(row => $"{name} {row} {string.Join(' ', logits.Skip(row * shape[1]).Take(RecordedLogits).Select(logit => logit.ToString(CultureInfo.InvariantCulture)))}"));
            if (IsEmbedder(name))
            {
                continue;
            }

            var greedy = File.ReadLines(Path.Combine(folder, $"{name}.greedy")).Select(line => line.Split(' ')).TakeWhile(parts => float.Parse(parts[1], CultureInfo.InvariantCulture) >= 1e-3f);
            lines.Add($"{name} greedy {string.Join(' ', greedy.Select(parts => parts[0]))}");
        }

        File.WriteAllLines(References, lines);
    }

    private static bool IsEmbedder(string name) => name.StartsWith("llama-embed", StringComparison.Ordinal);

    /// <summary>What is recorded of a model, by row, or "greedy".</summary>
    private static Dictionary<string, string[]> Recorded(string name) =>
        File.ReadLines(References).Select(line => line.Split(' ')).Where(parts => parts[0] == name).ToDictionary(parts => parts[1], parts => parts[2..], StringComparer.Ordinal);

    private static void AssertRows(float[] found, int width, Dictionary<string, string[]> recorded)
    {
        foreach (var row in RecordedRows)
        {
            float[] expected = [.. recorded[row.ToString(CultureInfo.InvariantCulture)].Select(text => float.Parse(text, CultureInfo.InvariantCulture))];
            Assert.That(ArchitectureTableTests.Error(found.AsSpan(row * width, RecordedLogits).ToArray(), expected), Is.LessThanOrEqualTo(1e-6), $"row {row}");
        }
    }

    /// <summary>The logits of the second of several sequences that are fed in one step.</summary>
    private static float[] Together(IDevice device, ModelDefinition model, params int[][] sequences)
    {
        var graph = model.DecoderGraph!;
        using var plan = device.Lower(graph, new LoweringOptions { Activations = ActivationPrecision.Exact });
        var pages = sequences.Max(ids => (ids.Length / StateStore.PageLength) + 1);
        using var state = device.CreateState(graph.State, new StateOptions { Pages = pages * sequences.Length, CacheType = Compute.Formats.TensorType.F32, RecurrentSlots = sequences.Length });
        var step = new StepInputs();
        for (var s = 0; s < sequences.Length; s++)
        {
            var sequence = step.AddSequence();
            sequence.Slot = s;
            sequence.SetPages(0, [.. Enumerable.Range(s * pages, pages)], sequences[s].Length);
            for (var i = 0; i < sequences[s].Length; i++)
            {
                step.AddRow(sequences[s][i], i, wantsOutput: s == 1);
            }
        }

        plan.Run(step, state);
        return plan.Read(graph.Find("logits")!).ToArray();
    }
}
