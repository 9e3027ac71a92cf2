namespace Abi.Compute.Formats;

/// <summary>A format that can be decoded and encoded.</summary>
internal sealed class EncodableBlockFormat<T> : BlockFormat<T>
    where T : IEncodableBlockFormat
{
    public override bool CanEncode => true;

    public override bool NeedsImportance => T.NeedsImportance;

    public override void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        if (blocks.Length != RowBytes(values.Length))
        {
            throw new ArgumentException($"{values.Length} values take {RowBytes(values.Length)} bytes of {Name}, not {blocks.Length}.", nameof(blocks));
        }

        if (!importance.IsEmpty && importance.Length != values.Length)
        {
            throw new ArgumentException($"{importance.Length} importance weights for {values.Length} columns.", nameof(importance));
        }

        if (importance.IsEmpty && T.NeedsImportance)
        {
            throw new NotSupportedException($"{Name} cannot be encoded to without importance weights.");
        }

        T.Encode(values, importance, blocks);
    }
}
