using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>A kernel that this process wrote.</summary>
/// <param name="Kernel">Its name.</param>
/// <param name="Format">The weights, or keys and values, that it reads.</param>
/// <param name="Outcome">What became of it.</param>
internal readonly record struct EmittedKernel(string Kernel, TensorType Format, EmissionOutcome Outcome);
