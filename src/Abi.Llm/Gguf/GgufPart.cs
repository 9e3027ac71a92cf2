using Abi.Compute.Tensors;

namespace Abi.Llm.Gguf;

/// <summary>What one physical file holds.</summary>
internal sealed record GgufPart(GgufMetadata Metadata, List<WeightTensor> Tensors, int Version);
