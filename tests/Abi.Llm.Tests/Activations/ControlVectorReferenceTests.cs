using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;
using Abi.Testing;

namespace Abi.Llm.Tests.Activations;

/// <summary>Control vectors do what llama.cpp does with the same file: <c>ControlVectors/README.md</c> says how its results were made.</summary>
public sealed class ControlVectorReferenceTests
{
    private const string Prompt = "Once upon a time, there was a little girl named";

    [TestCase("all", 1f, 0, null)]
    [TestCase("some", -1.5f, 2, 3)]
    public async Task LogitsAndTextsAreTheReferences(string name, float scale, int first, int? last)
    {
        await using var model = await LanguageModel.LoadAsync(
            Fixtures.Path("stories", "stories260K.f32.gguf"), new ModelLoadOptions { Engine = new EngineOptions { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact } });
        var options = new GenerationOptions
        {
            ControlVectors = [new ControlVectorUse(ControlVector.Load(PathOf("vector.gguf")), scale, first, last)],
            Sampling = SamplingOptions.Greedy, MaximumTokens = 1, LogProbabilities = model.Engine.VocabularySize,
        };
        var ids = model.Tokenizer.Encode(Prompt, addSpecial: true, parseSpecial: false);
        var (shape, logits) = NpyFile.Read<float>(PathOf($"{name}.npy"));
        Assert.That(shape, Is.EqualTo(new[] { ids.Length, model.Engine.VocabularySize }));
        for (var row = 0; row < ids.Length; row++)
        {
            var expected = logits.AsSpan(row * shape[1], shape[1]).ToArray();
            var logSum = LogitKernels.LogSumExp(expected);
            var stream = model.Engine.Start(ids.AsSpan(0, row + 1), options);
            var found = (await stream.ReadPiecesAsync().ToListAsync()).SelectMany(piece => piece.Tokens).First().Top;
            Assert.That(found, Has.Length.EqualTo(shape[1]));
            foreach (var (id, logProbability) in found)
            {
                Assert.That(logProbability, Is.EqualTo(expected[id] - logSum).Within(1e-3f), $"after {row + 1} tokens, token {id}");
            }
        }

        Assert.That((await model.CompleteAsync(Prompt, options with { MaximumTokens = 64 })).Text.Trim(), Is.EqualTo(await ReadAsync(name)));
        Assert.That((await model.CompleteAsync(Prompt, options with { MaximumTokens = 64, ControlVectors = [] })).Text.Trim(), Is.EqualTo(await ReadAsync("none")).And.Not.EqualTo(await ReadAsync(name)));
    }

    private static async Task<string> ReadAsync(string name) => (await File.ReadAllTextAsync(PathOf($"{name}.txt"))).Trim();

    private static string PathOf(string name) => Path.Combine(Repository.Root, "tests", "Abi.Llm.Tests", "Activations", "ControlVectors", name);
}
