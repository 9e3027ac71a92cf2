using System.Runtime.InteropServices;

namespace Abi.Llm.Gguf;

/// <summary>How far writing a model file is.</summary>
/// <param name="Tensor">The tensor that was written last.</param>
/// <param name="TensorsWritten">How many tensors are written.</param>
/// <param name="TensorCount">How many there are.</param>
/// <param name="BytesWritten">The bytes of tensor data written.</param>
/// <param name="ByteCount">The bytes of tensor data there will be.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct GgufWriteProgress(string Tensor, int TensorsWritten, int TensorCount, long BytesWritten, long ByteCount);
