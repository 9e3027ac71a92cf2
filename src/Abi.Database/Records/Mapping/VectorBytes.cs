namespace Abi.Database.Records;

/// <summary>A vector as it is stored; empty for none.</summary>
internal readonly record struct VectorBytes(ReadOnlyMemory<byte> Bytes);
