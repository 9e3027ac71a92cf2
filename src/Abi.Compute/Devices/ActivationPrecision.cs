namespace Abi.Compute.Devices;

/// <summary>How activations are rounded before they meet weights; F32 weights always meet float32 activations, F16 and BF16 weights do unless <see cref="Bf16"/> is asked for.</summary>
public enum ActivationPrecision
{
    /// <summary>8 bits with a scale for every 32 columns before quantised weights; integer products.</summary>
    Int8,

    /// <summary>float32: equal to expanding the weights.</summary>
    Exact,

    /// <summary>
    /// bfloat16 before F16 and BF16 weights, which are rounded to it too (8 bits of 11 stay of an F16 weight); sums stay float32. Before quantised weights, as <see cref="Int8"/>. Faster where the
    /// processor has AVX512_BF16; elsewhere the same numbers by other instructions, at the speed of float32.
    /// </summary>
    Bf16,
}
