using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Testing;

namespace Abi.Llm.Tests.Engine;

/// <summary>Products in bfloat16: how far results move from those in float32.</summary>
[Parallelizable]
public sealed class Bf16ActivationTests
{
    [Test]
    public async Task DistributionsStayNearThoseOfFloats()
    {
        await using var plain = await LoadAsync(ActivationPrecision.Exact);
        await using var rounded = await LoadAsync(ActivationPrecision.Bf16);
        var distance = await DistributionDistance.MeasureAsync(plain, rounded);
        TestContext.Out.WriteLine(distance);
        Assert.That(distance.Divergence, Is.InRange(1e-6, 2e-5));
    }

    private static Task<LanguageModel> LoadAsync(ActivationPrecision activations) => LanguageModel.LoadAsync(
        Fixtures.Path("stories-model", "stories-f16.gguf"),
        new ModelLoadOptions { Engine = new EngineOptions { Activations = activations, CacheType = TensorType.F32, ContextLength = 512 } });
}
