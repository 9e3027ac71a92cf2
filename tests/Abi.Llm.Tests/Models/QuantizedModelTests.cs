using System.Text.Json;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Testing;

namespace Abi.Llm.Tests.Models;

/// <summary>One small model in many block formats beside the reference's logits: as it runs the file, and with every weight expanded to float32 first.</summary>
public sealed class QuantizedModelTests
{
    private static IEnumerable<string> Types() =>
        Fixtures.TryPath("quantized-models", "index.json") is { } path && File.Exists(path)
            ? JsonDocument.Parse(File.ReadAllBytes(path)).RootElement.GetProperty("files").EnumerateObject().Where(file => file.Value.TryGetProperty("logits_expanded", out _)).Select(file => file.Name)
            : ["absent"];

    [TestCaseSource(nameof(Types))]
    public async Task ExactActivationsGiveTheExpandedWeightsLogits(string type)
    {
        var (logits, expanded, _) = await ComputeAsync(type, ActivationPrecision.Exact);
        var furthest = logits.Zip(expanded).Max(pair => Math.Abs(pair.First - pair.Second));
        await TestContext.Out.WriteLineAsync($"{type}: at most {furthest:g3} apart");
        Assert.That(furthest, Is.LessThanOrEqualTo(1e-3));
    }

    [TestCaseSource(nameof(Types))]
    public async Task RoundedActivationsAreNoFurtherFromThemThanTheReferences(string type)
    {
        var (logits, expanded, reference) = await ComputeAsync(type, ActivationPrecision.Int8);
        var (ours, theirs) = (RootMeanSquare(logits, expanded), RootMeanSquare(reference, expanded));
        await TestContext.Out.WriteLineAsync($"{type}: {ours:g3} from the expanded weights, the reference {theirs:g3}");
        Assert.That(ours, Is.LessThanOrEqualTo(1.25 * theirs));
    }

    private static async Task<(float[] Logits, float[] Expanded, float[] Reference)> ComputeAsync(string type, ActivationPrecision activations)
    {
        using var index = JsonDocument.Parse(await File.ReadAllBytesAsync(Fixtures.Path("quantized-models", "index.json")));
        var file = index.RootElement.GetProperty("files").GetProperty(type);
        float[] Read(string key) => NpyFile.Read<float>(Fixtures.Path("quantized-models", file.GetProperty(key).GetString()!)).Values;
        var options = new ModelLoadOptions { Engine = new EngineOptions { CacheType = TensorType.F32, Activations = activations } };
        await using var model = await LanguageModel.LoadAsync(Fixtures.Path("quantized-models", file.GetProperty("file").GetString()!), options);
        var ids = ModelDefinitionTests.Ints(index.RootElement.GetProperty("tokens"));
        return (await model.ComputeLogitsAsync(ids, all: true), Read("logits_expanded"), Read("logits"));
    }

    private static double RootMeanSquare(float[] values, float[] expected) => Math.Sqrt(values.Zip(expected).Average(pair => Math.Pow(pair.First - (double)pair.Second, 2)));
}
