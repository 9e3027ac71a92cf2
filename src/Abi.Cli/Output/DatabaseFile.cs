namespace Abi.Cli.Output;

/// <summary>A file of a database.</summary>
internal sealed record DatabaseFile(string Name, long Bytes);
