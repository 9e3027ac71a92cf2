using System.Collections.Immutable;
using Abi.Compute.Formats;

namespace Abi.Llm.Quantization;

/// <summary>What becomes of one tensor.</summary>
/// <param name="Name">The tensor.</param>
/// <param name="Shape">Its lengths, the fastest-varying first.</param>
/// <param name="From">The format it has.</param>
/// <param name="To">The format it gets; the same when it is copied.</param>
/// <param name="BytesBefore">Its bytes now.</param>
/// <param name="BytesAfter">Its bytes then.</param>
public sealed record TensorConversion(string Name, ImmutableArray<long> Shape, TensorType From, TensorType To, long BytesBefore, long BytesAfter);
