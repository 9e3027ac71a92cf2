namespace Abi.Cli.Output;

/// <summary>The text of ids; the bytes in hexadecimal too when they are not UTF-8.</summary>
internal sealed record TextResult(string Text, string? TextHex = null);
