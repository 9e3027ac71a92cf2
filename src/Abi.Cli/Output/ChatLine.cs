namespace Abi.Cli.Output;

/// <summary>A message of a saved conversation.</summary>
internal sealed record ChatLine(string Role, string Content);
