namespace Abi.Compute.Devices;

/// <summary>How activations are rounded before they meet quantised weights; F32, F16 and BF16 weights always meet float32 activations.</summary>
public enum ActivationPrecision
{
    /// <summary>8 bits with a scale for every 32 columns; integer products.</summary>
    Int8,

    /// <summary>float32: equal to expanding the weights.</summary>
    Exact,
}
