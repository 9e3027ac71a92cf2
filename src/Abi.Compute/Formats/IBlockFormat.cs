namespace Abi.Compute.Formats;

/// <summary>
/// A block format as a type: kernels are generic over it, so the JIT makes one loop nest for each format. One file holds a format's layout,
/// decoder, encoder and dot products.
/// </summary>
public interface IBlockFormat
{
    /// <summary>The number of the format in GGUF files.</summary>
    static abstract TensorType Type { get; }

    /// <summary>How many elements one block holds.</summary>
    static abstract int BlockLength { get; }

    /// <summary>How many bytes one block takes.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>Decodes whole blocks: <paramref name="values"/> is [blocks × <see cref="BlockLength"/>], bit for bit what ggml gives.</summary>
    static abstract void Decode(ReadOnlySpan<byte> blocks, Span<float> values);
}
