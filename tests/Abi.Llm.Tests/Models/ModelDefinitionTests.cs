using System.Text.Json;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Testing;

namespace Abi.Llm.Tests.Models;

/// <summary>Whole models beside llama.cpp's logits and greedy ids.</summary>
[Parallelizable]
public sealed class ModelDefinitionTests
{
    /// <summary>llama.cpp reads GELU from a half-precision table; ours is exact.</summary>
    private static readonly HashSet<string> UsesGelu = ["gemma2", "gemma3", "gpt2", "falcon", "starcoder2"];

    public static IEnumerable<string> Decoders() => Fixtures.TryPath("models") is { } folder
        ? Directory.GetFiles(folder, "*.logits-final.npy").Select(path => Path.GetFileName(path).Replace(".logits-final.npy", "", StringComparison.Ordinal)).Where(IsSupported).Order(StringComparer.Ordinal)
        : [""];

    [Test]
    public void LogitsAndGreedyIdsEqualTheReference([ValueSource(nameof(Decoders))] string name, [Values] TestDevice on)
    {
        var reference = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("models", $"{name}.json"))).RootElement;
        var tokens = Ints(reference.GetProperty("tokens"));
        var (shape, expected) = NpyFile.Read<float>(Fixtures.Path("models", $"{name}.logits.npy"));
        using var file = GgufFile.Open(Fixtures.Path("models", $"{name}.gguf"));
        using var device = on.Create();
        using var runner = new ModelRunner(device, ModelDefinition.Create(file));

        var logits = runner.Feed(tokens);
        var error = MeanSquaredError(expected, logits);
        var gelu = UsesGelu.Contains(name);
        Assert.That(error, Is.LessThanOrEqualTo(gelu ? 1e-4 : 1e-6), name);

        var vocabulary = shape[1];
        var last = logits.AsSpan(^vocabulary..).ToArray();
        var greedy = Ints(reference.GetProperty("greedy"));
        float[] margins = [.. reference.GetProperty("greedy_margin").EnumerateArray().Select(e => e.GetSingle())];
        var compared = 0;
        foreach (var (id, margin) in greedy.Zip(margins))
        {
            if (margin < (gelu ? 2e-2 : 1e-3))
            {
                break;
            }

            Assert.That(Best(last), Is.EqualTo(id), $"{name}, step {compared}");
            compared++;
            last = runner.Feed([id]);
        }

        TestContext.Out.WriteLine($"{name} on {on}: normalised mean squared error {error:g3}, {compared} of {greedy.Length} greedy steps compared");
    }

    [Test]
    public void ChunksAndSingleTokensGiveTheSameBits([ValueSource(nameof(Decoders))] string name, [Values] TestDevice on)
    {
        var reference = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("models", $"{name}.json"))).RootElement;
        var tokens = Ints(reference.GetProperty("tokens"));
        using var file = GgufFile.Open(Fixtures.Path("models", $"{name}.gguf"));
        using var device = on.Create();
        var model = ModelDefinition.Create(file);
        using var whole = new ModelRunner(device, model);
        using var chunked = new ModelRunner(device, model);
        var expected = whole.Feed(tokens);
        float[] actual = [.. chunked.Feed(tokens.AsSpan(0, 7)), .. chunked.Feed(tokens.AsSpan(7, 1)), .. chunked.Feed(tokens.AsSpan(8))];
        Assert.That(actual, Is.EqualTo(expected));
    }

    [Test]
    public void AnUnknownArchitectureIsRefusedWithTheListOfKnownOnes()
    {
        using var original = GgufFile.Open(Fixtures.Path("models", "llama.gguf"));
        Assert.That(
            () => ModelDefinition.Create(original.WithMetadata(original.Metadata.With("general.architecture", GgufValue.Of("no-such-architecture")))),
            Throws.TypeOf<UnsupportedModelException>().With.Message.Contains("no-such-architecture").And.Message.Contains("llama, "));
    }

    internal static double MeanSquaredError(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        double error = 0, norm = 0;
        for (var i = 0; i < expected.Length; i++)
        {
            error += Math.Pow(expected[i] - (double)actual[i], 2);
            norm += Math.Pow(expected[i], 2);
        }

        return error / norm;
    }

    [Test]
    public void AFileOfRotatedWeightsIsRefused()
    {
        // A model that runs without the rotation of its activations, and whose text means nothing.
        using var file = GgufFile.Open(Fixtures.Path("models", "llama.gguf"));
        using var rotated = file.WithMetadata(file.Metadata.With("prism.hadamard.version", GgufValue.Of(1u)));
        Assert.That(() => ModelDefinition.Create(rotated), Throws.TypeOf<UnsupportedModelException>().With.Message.Contains("'prism.hadamard.version'"));
        Assert.That(ModelDefinition.Create(file).DecoderGraph, Is.Not.Null);
    }

    private static bool IsSupported(string name)
    {
        using var file = GgufFile.Open(Fixtures.Path("models", $"{name}.gguf"));
        return ModelDefinition.SupportedArchitectures.Contains(file.Metadata.GetString("general.architecture"));
    }

    internal static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];

    internal static int Best(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var i = 1; i < logits.Length; i++)
        {
            best = logits[i] > logits[best] ? i : best;
        }

        return best;
    }
}
