using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Abi.Compute.Formats;

/// <summary>IEEE 754 half precision, little-endian; rounding to nearest, ties to even.</summary>
public readonly struct F16 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.F16;

    /// <inheritdoc/>
    public static int BlockLength => 1;

    /// <inheritdoc/>
    public static int BlockBytes => 2;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values) =>
        TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(blocks), values);

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks) =>
        TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(blocks));
}
