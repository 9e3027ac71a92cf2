using System.Runtime.InteropServices;

namespace Abi.Llm;

/// <summary>How far loading is.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="Fraction">0 to 1, of the whole.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ModelLoadProgress(ModelLoadStage Stage, double Fraction);
