namespace Abi.Compute.Formats;

/// <summary>A format that can be decoded.</summary>
internal class BlockFormat<T>() : BlockFormat(T.Type, T.BlockLength, T.BlockBytes, isIntegerData: false)
    where T : IBlockFormat
{
    public override bool CanEncode => false;

    public override bool NeedsImportance => false;

    public override void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        if (blocks.Length % BlockBytes != 0 || values.Length != (long)blocks.Length / BlockBytes * BlockLength)
        {
            throw new ArgumentException($"{blocks.Length} bytes of {Name} do not decode to {values.Length} values.");
        }

        T.Decode(blocks, values);
    }

    public override void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks) =>
        throw new NotSupportedException($"{Name} cannot be encoded to.");
}
