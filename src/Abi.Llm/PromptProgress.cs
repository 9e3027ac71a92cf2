using System.Runtime.InteropServices;

namespace Abi.Llm;

/// <summary>How far a prompt is computed.</summary>
/// <param name="Computed">Tokens computed.</param>
/// <param name="Total">Tokens of the sequence.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct PromptProgress(int Computed, int Total);
