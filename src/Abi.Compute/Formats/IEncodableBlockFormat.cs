namespace Abi.Compute.Formats;

/// <summary>A block format that floats can be encoded to.</summary>
public interface IEncodableBlockFormat : IBlockFormat
{
    /// <summary>Whether the encoder refuses to work without importance weights.</summary>
    static virtual bool NeedsImportance => false;

    /// <summary>Encodes one row.</summary>
    /// <param name="values">One row, [columns], a multiple of the block length.</param>
    /// <param name="importance">A weight for each column, [columns], or empty when there are none.</param>
    /// <param name="blocks">Receives the blocks of the row.</param>
    static abstract void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks);
}
