namespace Abi.Cli.Output;

/// <summary>What <c>make-model</c> wrote.</summary>
internal sealed record MakeModelResult(string Output, string Shape, string Type, int Seed, long Bytes, long Parameters, double Seconds);
