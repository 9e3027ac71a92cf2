using System.Runtime.InteropServices;
using System.Text.Json.Serialization;

namespace Abi.Llm.Sampling;

/// <summary>A token and the natural logarithm of its probability under the model, before any sampler.</summary>
/// <param name="Id">The token id.</param>
/// <param name="LogProbability">ln p, at most 0.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct TokenLogProbability(int Id, [property: JsonNumberHandling(JsonNumberHandling.AllowNamedFloatingPointLiterals)] float LogProbability);
