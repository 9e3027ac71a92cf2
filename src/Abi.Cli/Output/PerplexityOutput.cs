namespace Abi.Cli.Output;

/// <summary>A perplexity: exp of the mean surprise over <paramref name="Tokens"/> scored tokens of a text of <paramref name="TextTokens"/>.</summary>
internal sealed record PerplexityOutput(double Perplexity, double Uncertainty, int Tokens, int TextTokens, int Windows, int ContextLength, double Seconds);
