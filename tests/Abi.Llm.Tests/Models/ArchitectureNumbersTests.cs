using Abi.Compute.Graphs;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Llm.Quantization;

namespace Abi.Llm.Tests.Models;

/// <summary>Which numbers an architecture takes from its file, and what holds where the file says nothing: small models of Llama's tensors under other names, looked at as graphs.</summary>
[Parallelizable]
public sealed class ArchitectureNumbersTests
{
    private const int Width = 64;
    private const int Heads = 4;
    private const int HeadLength = 24;
    private string _path = string.Empty;

    /// <summary>Numbers that only some families have; in Llama's files they mean nothing.</summary>
    private static readonly string[] Scales = ["attention.clamp_kqv", "attention.max_alibi_bias", "attention.scale", "embedding_scale", "expert_weights_scale", "final_logit_softcapping", "logit_scale", "residual_scale"];

    [SetUp]
    public void ChoosePath() => _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    [TearDown]
    public void RemoveFile() => File.Delete(_path);

    [Test]
    public void NumbersOfOtherFamiliesMeanNothing()
    {
        var plain = GraphOf("llama", 1);
        var given = GraphOf("llama", 1, [.. Scales.Select(key => (key, GgufValue.Of(0.25f)))]);
        Assert.That(Names(given), Is.EqualTo(Names(plain)));
        Assert.That(Attention(given)[0], Is.EqualTo(Attention(plain)[0]));
    }

    [Test]
    public void NumbersOfTheOwnFamilyAreRead()
    {
        var granite = GraphOf("granite", 1, [.. Scales.Select(key => (key, GgufValue.Of(0.25f)))]);
        Assert.That(Factors(granite), Is.EqualTo(new[] { 0.25f, 0.25f, 0.25f, 4f }), "embeddings, both parts of the block, logits divided");
        Assert.That(Attention(granite)[0].Scale, Is.EqualTo(0.25f));
        var mpt = GraphOf("mpt", 1, ("attention.clamp_kqv", GgufValue.Of(0.5f)), ("attention.max_alibi_bias", GgufValue.Of(4f)));
        Assert.That(mpt.Operations.OfType<Clamp>().Select(clamp => clamp.High), Is.EqualTo(new[] { 0.5f, 0.5f, 0.5f }));
        Assert.That(Attention(mpt)[0].AlibiMaxBias, Is.EqualTo(4));
    }

    [TestCase("gemma2", 46)]
    [TestCase("gemma3", 62)]
    public void ScoresOfTheLargestGemmaAreScaledByItsWidth(string architecture, int blocks)
    {
        Assert.That(Attention(GraphOf(architecture, blocks))[0].Scale, Is.EqualTo(1 / MathF.Sqrt(Width / Heads)));
        Assert.That(Attention(GraphOf(architecture, blocks - 1))[0].Scale, Is.EqualTo(1 / MathF.Sqrt(HeadLength)));
    }

    [Test]
    public void AGemma2WithoutKeysHasItsCapsAndItsWindow()
    {
        var graph = GraphOf("gemma2", 2);
        Assert.That(Attention(graph).Select(settings => (settings.SoftCap, settings.Window)), Is.EqualTo(new[] { (50f, 4096), (50f, 0) }));
        Assert.That(graph.Operations.OfType<SoftCap>().Single().Cap, Is.EqualTo(30));
        graph = GraphOf("gemma2", 2, ("attn_logit_softcapping", GgufValue.Of(20f)), ("final_logit_softcapping", GgufValue.Of(0f)), ("attention.sliding_window", GgufValue.Of(8u)));
        Assert.That(Attention(graph).Select(settings => (settings.SoftCap, settings.Window)), Is.EqualTo(new[] { (20f, 8), (20f, 0) }));
        Assert.That(graph.Operations.OfType<SoftCap>(), Is.Empty);
    }

    [TestCase(32, true, 0f)]
    [TestCase(40, false, 8f)]
    public void BaichuansSizesTellPlacesApartDifferently(int blocks, bool rotates, float bias)
    {
        var graph = GraphOf("baichuan", blocks);
        Assert.That(graph.Operations.OfType<Rope>().Any(), Is.EqualTo(rotates));
        Assert.That(Attention(graph)[0].AlibiMaxBias, Is.EqualTo(bias));
    }

    [Test]
    public void PositionsOfSeveralDimensionsRotateHalves()
    {
        Assert.That(Rotation(GraphOf("glm4", 1)).Pairing, Is.EqualTo(RopePairing.Neighbours));
        Assert.That(Rotation(GraphOf("glm4", 1, ("rope.dimension_sections", GgufValue.Of([4, 4, 4, 0])))).Pairing, Is.EqualTo(RopePairing.Halves));
        Assert.That(Rotation(GraphOf("glm4", 1, ("rope.dimension_sections", GgufValue.Of([12, 0, 0, 0])))).Pairing, Is.EqualTo(RopePairing.Neighbours), "one dimension");
    }

    [TestCase("granite", false)]
    [TestCase("granitemoe", true)]
    public void AGraniteRotatesUnlessItsFileForbidsItAndItsMixturesAlwaysDo(string architecture, bool rotates)
    {
        Assert.That(GraphOf(architecture, 1).Operations.OfType<Rope>(), Is.Not.Empty);
        Assert.That(GraphOf(architecture, 1, ("rope.scaling.finetuned", GgufValue.Of(false))).Operations.OfType<Rope>().Any(), Is.EqualTo(rotates));
    }

    [Test]
    public void AnOldMiniCpmHasTheScalesThatItsFileDoesNotState() =>
        Assert.That(Factors(GraphOf("minicpm", 1)), Is.EqualTo(new[] { 12f, 1.4f, 1.4f, 256f / Width }));

    [Test]
    public void EmbeddingsSeeAllTokensWhereTheFileSaysSo()
    {
        Assert.That(Attention(With("qwen2", 1, [], model => model.EmbeddingGraph(EmbeddingPooling.Mean)))[0].Causal, Is.True);
        var (decoder, embeddings) = With("qwen2", 1, [("attention.causal", GgufValue.Of(false))], model => (model.DecoderGraph!, model.EmbeddingGraph(EmbeddingPooling.Mean)));
        Assert.That(embeddings.Operations.OfType<AttendWithin>().Single().Settings.Causal, Is.False);
        Assert.That(Attention(decoder)[0].Causal, Is.True, "text is written from front to back all the same");
    }

    [TestCase("llama", 32f)]
    [TestCase("grok", 8f)]
    public void YarnsBoundsAreReadWhereTheFamilyHasThem(string architecture, float beta)
    {
        var graph = GraphOf(architecture, 1, ("rope.scaling.type", GgufValue.Of("yarn")), ("rope.scaling.factor", GgufValue.Of(4f)), ("rope.scaling.yarn_beta_fast", GgufValue.Of(8f)));
        Assert.That(graph.Operations.OfType<Rope>().First().Settings.BetaFast, Is.EqualTo(beta));
    }

    [TestCase("hunyuan-dense", true)]
    [TestCase("hunyuan_vl", true)]
    [TestCase("llama", false)]
    public void AnAlphaGrowsTheBaseOfHunyuansFrequencies(string architecture, bool grows)
    {
        var graph = GraphOf(architecture, 1, ("rope.freq_base", GgufValue.Of(10000f)), ("rope.scaling.alpha", GgufValue.Of(1000f)));
        Assert.That(Rotation(graph).FrequencyBase, Is.EqualTo(grows ? 10000 * MathF.Pow(1000, HeadLength / (HeadLength - 2f)) : 10000).Within(0.001).Percent);
        Assert.That(Rotation(GraphOf(architecture, 1, ("rope.freq_base", GgufValue.Of(10000f)))).FrequencyBase, Is.EqualTo(10000));
    }

    /// <summary>Maple's files say that the blocks that see everything rotate no columns; Laguna's that theirs rotate half of what sliding ones do.</summary>
    [TestCase("maple", 0u, 16u)]
    [TestCase("laguna", 8u, 16u)]
    [TestCase("gemma3", 24u, 16u)]
    public void SlidingBlocksRotateAsManyColumnsAsTheirOwnKeySays(string architecture, uint full, uint sliding)
    {
        var graph = GraphOf(
            architecture, 2, ("attention.sliding_window", GgufValue.Of(8u)), ("attention.sliding_window_pattern", GgufValue.Of([true, false])), ("rope.dimension_count", GgufValue.Of(full)), ("rope.dimension_count_swa", GgufValue.Of(sliding)));
        var rotations = graph.Operations.OfType<Rope>().ToLookup(rope => rope.Block, rope => rope.Settings.Rotated);
        Assert.That(rotations[0], Is.Not.Empty.And.All.EqualTo(sliding));
        Assert.That(rotations[1], Is.All.EqualTo(full));
    }

    [TestCase("llama", 0.25f)]
    [TestCase("command-r", 0.5f)]
    public void AnEpsilonIsThatOfTheFamilysKindOfNorm(string architecture, float epsilon)
    {
        (string, GgufValue)[] keys = [("attention.layer_norm_rms_epsilon", GgufValue.Of(0.25f)), ("attention.layer_norm_epsilon", GgufValue.Of(0.5f))];
        var operations = GraphOf(architecture, 1, keys).Operations;
        Assert.That(operations.OfType<RmsNorm>().Select(norm => norm.Epsilon).Concat(operations.OfType<LayerNorm>().Select(norm => norm.Epsilon)), Is.Not.Empty.And.All.EqualTo(epsilon));
    }

    private static IEnumerable<string> Names(Graph graph) => graph.Operations.Select(operation => operation.GetType().Name);

    private static RopeSettings Rotation(Graph graph) => graph.Operations.OfType<Rope>().First().Settings;

    private static float[] Factors(Graph graph) => [.. graph.Operations.OfType<Scale>().Select(scale => scale.Factor)];

    private static AttentionSettings[] Attention(Graph graph) => [.. graph.Operations.OfType<Attend>().Select(attend => attend.Settings)];

    private Graph GraphOf(string architecture, int blocks, params (string Key, GgufValue Value)[] keys) => With(architecture, blocks, keys, model => model.DecoderGraph!);

    /// <summary>Looks at a tiny model of Llama's tensors whose metadata has the architecture's name, with further keys of it.</summary>
    private T With<T>(string architecture, int blocks, (string Key, GgufValue Value)[] keys, Func<ModelDefinition, T> look)
    {
        RandomModel.Write(_path, ModelShape.Parse($"tiny,embedding={Width},heads={Heads},kvheads=2,headlength={HeadLength},feedforward=32,vocabulary=300,blocks={blocks}"), QuantizationTarget.Parse("F32"));
        using var file = GgufFile.Open(_path);
        var metadata = new GgufMetadata(file.Metadata.Keys.Select(key => KeyValuePair.Create(key.StartsWith("llama.", StringComparison.Ordinal) ? $"{architecture}.{key["llama.".Length..]}" : key, file.Metadata.Get(key))))
            .With("general.architecture", GgufValue.Of(architecture));
        foreach (var (key, value) in keys)
        {
            metadata = metadata.With($"{architecture}.{key}", value);
        }

        return look(ModelDefinition.Create(file.WithMetadata(metadata)));
    }
}
