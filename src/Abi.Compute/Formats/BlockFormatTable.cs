namespace Abi.Compute.Formats;

/// <summary>The list of all formats: a new format is a file of its own and a line here.</summary>
internal static class BlockFormatTable
{
    public static IEnumerable<BlockFormat> Create() =>
    [
        new EncodableBlockFormat<F32>(),
        new EncodableBlockFormat<F16>(),
        new EncodableBlockFormat<BF16>(),
        new EncodableBlockFormat<Q4_0>(),
        new EncodableBlockFormat<Q4_1>(),
        new EncodableBlockFormat<Q5_0>(),
        new EncodableBlockFormat<Q5_1>(),
        new EncodableBlockFormat<Q8_0>(),
        new EncodableBlockFormat<Q8_1>(),
        new EncodableBlockFormat<Q2_K>(),
        new EncodableBlockFormat<Q3_K>(),
        new EncodableBlockFormat<Q4_K>(),
        new EncodableBlockFormat<Q5_K>(),
        new EncodableBlockFormat<Q6_K>(),
        new EncodableBlockFormat<Q8_K>(),
        new EncodableBlockFormat<IQ2_XXS>(),
        new EncodableBlockFormat<IQ2_XS>(),
        new EncodableBlockFormat<IQ3_XXS>(),
        new EncodableBlockFormat<IQ1_S>(),
        new EncodableBlockFormat<IQ4_NL>(),
        new EncodableBlockFormat<IQ3_S>(),
        new EncodableBlockFormat<IQ2_S>(),
        new EncodableBlockFormat<IQ4_XS>(),
        new EncodableBlockFormat<IQ1_M>(),
        new EncodableBlockFormat<TQ1_0>(),
        new EncodableBlockFormat<TQ2_0>(),
        new EncodableBlockFormat<MXFP4>(),
        new EncodableBlockFormat<NVFP4>(),
        new EncodableBlockFormat<Q1_0>(),
        new EncodableBlockFormat<Q2_0>(),
        new IntegerFormat(TensorType.I8, 1),
        new IntegerFormat(TensorType.I16, 2),
        new IntegerFormat(TensorType.I32, 4),
        new IntegerFormat(TensorType.I64, 8),
        new IntegerFormat(TensorType.F64, 8),
    ];
}
