namespace Abi.Cli.Output;

/// <summary>A token and its ln p.</summary>
internal sealed record TokenScore(int Id, float Logprob);
