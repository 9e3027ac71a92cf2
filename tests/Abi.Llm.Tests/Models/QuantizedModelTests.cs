using System.Text.Json;
using Abi.Compute.Devices;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Testing;

namespace Abi.Llm.Tests.Models;

/// <summary>One small model in many block formats: exact activations give the expanded weights' logits, rounded ones stay as near to them as the reference's.</summary>
public sealed class QuantizedModelTests
{
    public static IEnumerable<string> Types() => Fixtures.TryPath("quantized-models") is { } folder
        ? Directory.GetFiles(folder, "*.logits-expanded.npy").Select(path => Path.GetFileName(path).Replace(".logits-expanded.npy", "", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
        : [""];

    [Test]
    public void ExactActivationsGiveTheExpandedWeightsLogits([ValueSource(nameof(Types))] string type)
    {
        var expected = Expanded(type);
        var actual = Logits(type, ActivationPrecision.Exact);
        Assert.That(actual, Is.EqualTo(expected).Within(1e-3));
    }

    [Test]
    public void RoundedActivationsAreAsNearAsTheReference([ValueSource(nameof(Types))] string type)
    {
        var expanded = Expanded(type);
        var reference = Distance(NpyFile.Read<float>(Fixtures.Path("quantized-models", $"{type}.logits.npy")).Values, expanded);
        var distance = Distance(Logits(type, ActivationPrecision.Int8), expanded);
        TestContext.Out.WriteLine($"{type}: {distance:g3} from the expanded weights' logits; the reference {reference:g3}");
        Assert.That(distance, Is.LessThanOrEqualTo(1.25 * reference));
    }

    private static float[] Expanded(string type) => NpyFile.Read<float>(Fixtures.Path("quantized-models", $"{type}.logits-expanded.npy")).Values;

    private static float[] Logits(string type, ActivationPrecision activations)
    {
        var index = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("quantized-models", "index.json"))).RootElement;
        using var file = GgufFile.Open(Fixtures.Path("quantized-models", $"{type}.gguf"));
        using var device = TestDevice.Cpu.Create();
        using var runner = new ModelRunner(device, ModelDefinition.Create(file), activations);
        return runner.Feed(ModelDefinitionTests.Ints(index.GetProperty("tokens")));
    }

    /// <summary>The root of the mean squared difference.</summary>
    private static double Distance(float[] a, float[] b)
    {
        Assert.That(a, Has.Length.EqualTo(b.Length));
        double sum = 0;
        for (var i = 0; i < a.Length; i++)
        {
            sum += (a[i] - (double)b[i]) * (a[i] - (double)b[i]);
        }

        return Math.Sqrt(sum / a.Length);
    }
}
