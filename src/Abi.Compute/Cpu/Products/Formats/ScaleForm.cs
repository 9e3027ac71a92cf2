namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>How the scales of packed weights are kept, so that packing takes no more room than the file.</summary>
internal enum ScaleForm
{
    /// <summary>A half-precision number for each scale and each minimum.</summary>
    Half,

    /// <summary>A half-precision unit for 256 columns, and a whole multiple of it for each scale; likewise for minimums.</summary>
    Super,

    /// <summary>The exponent of a power of two.</summary>
    Power,

    /// <summary>A float32 for each scale.</summary>
    Single,
}
