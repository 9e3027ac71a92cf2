namespace Abi.Cli.Output;

/// <summary>What became of a tensor.</summary>
internal sealed record QuantizedTensor(string Name, long[] Shape, string From, string To, long BytesBefore, long BytesAfter);
