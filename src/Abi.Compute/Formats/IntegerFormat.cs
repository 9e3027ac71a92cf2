namespace Abi.Compute.Formats;

/// <summary>Plain integers and doubles (I8 to I64, F64): files carry them, nothing computes with them.</summary>
internal sealed class IntegerFormat(TensorType type, int bytes) : BlockFormat(type, 1, bytes, isIntegerData: true)
{
    public override bool CanEncode => false;

    public override bool NeedsImportance => false;

    public override void Decode(ReadOnlySpan<byte> blocks, Span<float> values) =>
        throw new NotSupportedException($"{Name} tensors are carried, not computed with.");

    public override void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks) =>
        throw new NotSupportedException($"{Name} tensors are carried, not computed with.");
}
