using Abi.Compute.Cpu.Products.Emission;

namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>How far ahead of reading packed panels memory is asked for.</summary>
internal static class ReadingAhead
{
    /// <summary>What a core reads while memory answers, in bytes.</summary>
    public const int Bytes = 8192;

    /// <summary>The rows up to which a product is little more than reading.</summary>
    private const int FewRows = 2;

    /// <summary>Whether the processor reads ahead best by itself where a product is little more than reading: asking costs an AMD Zen 4 up to a tenth of its speed there, and gains a Zen 5 a sixth.</summary>
    private static readonly bool IsBestAlone = ProcessorFeatures.IsZen4;

    /// <summary>Whether memory is asked for ahead while so many rows meet what is read.</summary>
    public static bool IsFor(int rows) => rows > FewRows || !IsBestAlone;
}
