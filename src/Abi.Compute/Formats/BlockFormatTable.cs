namespace Abi.Compute.Formats;

/// <summary>The list of all formats: a new format is a file of its own and a line here.</summary>
internal static class BlockFormatTable
{
    public static IEnumerable<BlockFormat> Create() =>
    [
        new EncodableBlockFormat<F32>(),
        new EncodableBlockFormat<F16>(),
        new EncodableBlockFormat<BF16>(),
        new IntegerFormat(TensorType.I8, 1),
        new IntegerFormat(TensorType.I16, 2),
        new IntegerFormat(TensorType.I32, 4),
        new IntegerFormat(TensorType.I64, 8),
        new IntegerFormat(TensorType.F64, 8),
    ];
}
