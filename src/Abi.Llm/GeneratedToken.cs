using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using Abi.Llm.Sampling;

namespace Abi.Llm;

/// <summary>A token of a generation.</summary>
/// <param name="Id">The token id.</param>
/// <param name="LogProbability">ln p under the model, before samplers; not a number unless the request asked for log-probabilities.</param>
/// <param name="Top">The most likely tokens of the step, best first; empty unless asked for.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct GeneratedToken(int Id, [property: JsonNumberHandling(JsonNumberHandling.AllowNamedFloatingPointLiterals)] float LogProbability, ImmutableArray<TokenLogProbability> Top);
