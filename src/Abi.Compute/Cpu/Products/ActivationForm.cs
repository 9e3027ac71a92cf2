namespace Abi.Compute.Cpu.Products;

/// <summary>The form in which a row of activations meets a matrix.</summary>
internal enum ActivationForm
{
    /// <summary>float32, as it is: [columns].</summary>
    Float32,

    /// <summary>8 bits with a scale for every 32 columns.</summary>
    Int8,
}
