using System.Runtime.InteropServices;
using Abi.Llm.Sampling;

namespace Abi.Llm.Engine;

/// <summary>A token on its way to the reader, and where its text lies among the held bytes.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct HeldToken(int Id, float LogProbability, TokenLogProbability[]? Top, int Start, int End);
