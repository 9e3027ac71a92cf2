namespace Abi.Llm.Engine;

/// <summary>A perplexity.</summary>
/// <param name="Value">exp of the mean surprise in nats.</param>
/// <param name="Uncertainty">Its standard error.</param>
/// <param name="ScoredTokens">The tokens that were scored.</param>
/// <param name="Windows">The windows done.</param>
/// <param name="TotalWindows">The windows there are.</param>
public sealed record PerplexityResult(double Value, double Uncertainty, int ScoredTokens, int Windows, int TotalWindows);
