using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Scalar;
using Abi.Llm.Engine;
using Abi.Testing;

namespace Abi.Llm.Tests.Adapters;

/// <summary>Adapters of experts and embeddings do what llama.cpp does with the same files: <c>References/README.md</c> says how its results were made.</summary>
public sealed class AdapterReferenceTests
{
    private static readonly int[] Ids = [1, 5, 40, 271, 7, 7, 100, 33];

    private string _path = string.Empty;

    [SetUp]
    public void ChoosePath() => _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    [TearDown]
    public void RemoveFile() => File.Delete(_path);

    [TestCase("experts-none", false)]
    [TestCase("experts-one", false, "experts", 1f)]
    [TestCase("experts-one", true, "experts", 1f)]
    [TestCase("experts-both", false, "experts", 0.7f, "everything", -0.4f)]
    [TestCase("experts-both", true, "experts", 0.7f, "everything", -0.4f)]
    [TestCase("dense-embeddings", false, "embeddings", 0.8f)]
    [TestCase("dense-embeddings", true, "embeddings", 0.8f)]
    public async Task LogitsAreTheReferences(string name, bool isScalar, params object[] adapters)
    {
        if (name.StartsWith("dense", StringComparison.Ordinal))
        {
            SmallModels.WriteDense(_path);
        }
        else
        {
            SmallModels.WriteExperts(_path);
        }

        await using var model = await LanguageModel.LoadAsync(_path, new ModelLoadOptions
        {
            Engine = new EngineOptions { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact },
            Device = isScalar ? new ScalarDevice() : null,
        });
        var uses = new List<AdapterUse>();
        for (var i = 0; i < adapters.Length; i += 2)
        {
            uses.Add(new AdapterUse(await model.LoadAdapterAsync(SmallModels.PathOf($"{adapters[i]}.gguf")), (float)adapters[i + 1]));
        }

        var expected = NpyFile.Read<float>(SmallModels.PathOf($"{name}.npy")).Values;
        var found = await model.ComputeLogitsAsync(Ids, all: true, adapters: [.. uses]);
        uses.ForEach(static use => use.Adapter.Dispose());
        Assert.That(found, Has.Length.EqualTo(expected.Length));
        var worst = found.Zip(expected, static (a, b) => Math.Abs(a - b)).Max();
        TestContext.Out.WriteLine($"logits up to {expected.Max(Math.Abs)}, off by {worst:E1} at most");
        Assert.That(worst, Is.LessThan(2e-5f));
    }
}
