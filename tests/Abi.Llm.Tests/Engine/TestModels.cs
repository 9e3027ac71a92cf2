using Abi.Compute.Cpu;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Testing;

namespace Abi.Llm.Tests.Engine;

/// <summary>Reference models for the engine's tests.</summary>
internal static class TestModels
{
    /// <summary>Loads a reference model with float32 state and exact activations on the processor, unless told otherwise.</summary>
    public static Task<LanguageModel> LoadAsync(string folder, string file, EngineOptions? engine = null, IDevice? device = null) =>
        LanguageModel.LoadAsync(
            Fixtures.Path(folder, file),
            new ModelLoadOptions { Device = device ?? CpuDevice.Default, Engine = engine ?? new EngineOptions { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact } });

    /// <summary>Tokens of a vocabulary, pseudo-random.</summary>
    public static int[] Ids(int count, int vocabulary, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(3, vocabulary))];
    }
}
