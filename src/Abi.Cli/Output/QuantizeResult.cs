using System.Collections.Immutable;

namespace Abi.Cli.Output;

/// <summary>What <c>quantize</c> made.</summary>
internal sealed record QuantizeResult(string Output, string Type, long BytesBefore, long BytesAfter, double Seconds, ImmutableArray<QuantizedTensor> Tensors);
