using Abi.Compute.Graphs;

namespace Abi.Llm.Models;

/// <summary>What a block's queries attend to: the step's keys and values, and the layer of state that keeps them; without one, only the step's own are there.</summary>
internal sealed record KeysAndValues(Value Keys, Value Values, int Heads, CacheLayer? Layer);
