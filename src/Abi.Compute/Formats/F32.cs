using System.Runtime.InteropServices;

namespace Abi.Compute.Formats;

/// <summary>IEEE 754 single precision, little-endian.</summary>
public readonly struct F32 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.F32;

    /// <inheritdoc/>
    public static int BlockLength => 1;

    /// <inheritdoc/>
    public static int BlockBytes => 4;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values) => blocks.CopyTo(MemoryMarshal.AsBytes(values));

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks) =>
        MemoryMarshal.AsBytes(values).CopyTo(blocks);
}
