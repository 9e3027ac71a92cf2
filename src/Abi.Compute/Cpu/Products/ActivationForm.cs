namespace Abi.Compute.Cpu.Products;

/// <summary>The form in which a row of activations meets a matrix.</summary>
internal enum ActivationForm
{
    /// <summary>float32, as it is: [columns].</summary>
    Float32,

    /// <summary>8 bits with a scale for every 32 columns.</summary>
    Int8,

    /// <summary>bfloat16, by pairs of columns: [columns, rounded up to whole pairs].</summary>
    Bf16,

    /// <summary>float32s that are bfloat16s, of each pair of columns the odd one first: [columns, rounded up to whole pairs].</summary>
    Bf16AsFloat32,
}
