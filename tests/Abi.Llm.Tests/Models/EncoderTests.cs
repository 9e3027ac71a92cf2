using System.Text.Json;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Testing;

namespace Abi.Llm.Tests.Models;

/// <summary>Encoders and encoder-decoders beside llama.cpp's vectors, logits and greedy ids.</summary>
public sealed class EncoderTests
{
    private static IEnumerable<EmbeddingPooling> Poolings() => [EmbeddingPooling.None, EmbeddingPooling.Mean, EmbeddingPooling.Cls, EmbeddingPooling.Last];

    [Test]
    public void PooledVectorsEqualTheReference([ValueSource(nameof(Poolings))] EmbeddingPooling pooling, [Values] TestDevice on)
    {
        var tokens = Tokens("bert", "tokens");
        var (_, expected) = NpyFile.Read<float>(Fixtures.Path("models", $"bert.embedding-{pooling.ToString().ToLowerInvariant()}.npy"));
        using var file = GgufFile.Open(Fixtures.Path("models", "bert.gguf"));
        var model = ModelDefinition.Create(file);
        Assert.That(model.Kind, Is.EqualTo(ModelKind.Encoder));
        Assert.That(model.DefaultPooling, Is.EqualTo(EmbeddingPooling.Mean));
        var actual = Embed(on, model, pooling, tokens);
        var error = ModelDefinitionTests.MeanSquaredError(expected, actual);
        TestContext.Out.WriteLine($"bert, {pooling}: normalised mean squared error {error:g3}");
        Assert.That(actual, Has.Length.EqualTo(expected.Length));
        Assert.That(error, Is.LessThanOrEqualTo(1e-4));
    }

    [Test]
    public void ATextsVectorDoesNotDependOnItsCompany([Values] TestDevice on)
    {
        var tokens = Tokens("bert", "tokens");
        using var file = GgufFile.Open(Fixtures.Path("models", "bert.gguf"));
        var model = ModelDefinition.Create(file);
        var alone = Embed(on, model, EmbeddingPooling.Mean, tokens);
        var together = Embed(on, model, EmbeddingPooling.Mean, [5, 6, 7], tokens, [9]);
        Assert.That(together[alone.Length..(2 * alone.Length)], Is.EqualTo(alone));
    }

    [Test]
    public void RankingWithoutAHeadIsRefused()
    {
        using var file = GgufFile.Open(Fixtures.Path("models", "bert.gguf"));
        var model = ModelDefinition.Create(file);
        Assert.That(() => model.EmbeddingGraph(EmbeddingPooling.Rank), Throws.TypeOf<NotSupportedException>().With.Message.Contains("cls.output.weight"));
    }

    [Test]
    public void AnEncoderAndItsDecoderEqualTheReference([Values] TestDevice on)
    {
        var tokens = Tokens("t5", "decoder_tokens");
        var (_, expected) = NpyFile.Read<float>(Fixtures.Path("models", "t5.logits.npy"));
        using var file = GgufFile.Open(Fixtures.Path("models", "t5.gguf"));
        using var device = on.Create();
        using var runner = new ModelRunner(device, ModelDefinition.Create(file));
        runner.Encode(Tokens("t5", "encoder_tokens"));
        var logits = runner.Feed(tokens);
        var error = ModelDefinitionTests.MeanSquaredError(expected, logits);
        TestContext.Out.WriteLine($"t5: normalised mean squared error {error:g3}");
        Assert.That(error, Is.LessThanOrEqualTo(1e-4));

        using var chunked = new ModelRunner(device, ModelDefinition.Create(file));
        chunked.Encode(Tokens("t5", "encoder_tokens"));
        float[] parts = [.. chunked.Feed(tokens.AsSpan(0, 5)), .. chunked.Feed(tokens.AsSpan(5, 1)), .. chunked.Feed(tokens.AsSpan(6))];
        Assert.That(parts, Is.EqualTo(logits));
    }

    [Test]
    public void GreedyIdsFromTheDecodersStartEqualTheReference([Values] TestDevice on)
    {
        var reference = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("models", "t5.json"))).RootElement;
        using var file = GgufFile.Open(Fixtures.Path("models", "t5.gguf"));
        using var device = on.Create();
        var model = ModelDefinition.Create(file);
        using var runner = new ModelRunner(device, model);
        runner.Encode(Tokens("t5", "encoder_tokens"));
        var next = model.DecoderStartId!.Value;
        var (steps, compared) = (Tokens("t5", "greedy_from_decoder_start"), 0);
        foreach (var (id, margin) in steps.Zip(reference.GetProperty("greedy_margin").EnumerateArray().Select(e => e.GetSingle())))
        {
            if (margin < 2e-2)
            {
                break;
            }

            next = ModelDefinitionTests.Best(runner.Feed([next]));
            Assert.That(next, Is.EqualTo(id), $"step {compared}");
            compared++;
        }

        TestContext.Out.WriteLine($"t5: {compared} of {steps.Length} greedy steps compared");
        Assert.That(compared, Is.GreaterThan(0));
    }

    /// <summary>The vectors of texts in one step.</summary>
    internal static float[] Embed(TestDevice on, ModelDefinition model, EmbeddingPooling pooling, params int[][] texts)
    {
        var graph = model.EmbeddingGraph(pooling);
        using var device = on.Create();
        using var plan = device.Lower(graph, new LoweringOptions { Activations = ActivationPrecision.Exact });
        var pages = texts.Max(text => (text.Length / StateStore.PageLength) + 1);
        using var state = device.CreateState(graph.State, new StateOptions { Pages = pages * texts.Length, CacheType = Compute.Formats.TensorType.F32, RecurrentSlots = texts.Length });
        var step = new StepInputs();
        for (var t = 0; t < texts.Length; t++)
        {
            var sequence = step.AddSequence();
            sequence.Slot = t;
            for (var group = 0; group < graph.State.Groups; group++)
            {
                sequence.SetPages(group, [.. Enumerable.Range(t * pages, pages)], texts[t].Length);
            }

            for (var i = 0; i < texts[t].Length; i++)
            {
                step.AddRow(texts[t][i], i, wantsOutput: true);
            }
        }

        plan.Run(step, state);
        return plan.Read(graph.Find("embeddings")!).ToArray();
    }

    private static int[] Tokens(string name, string key) =>
        ModelDefinitionTests.Ints(JsonDocument.Parse(File.ReadAllText(Fixtures.Path("models", $"{name}.json"))).RootElement.GetProperty(key));
}
