using System.Collections;
using Abi.Database.Records;
using Microsoft.Extensions.AI;

namespace Abi.Database.VectorData.Records;

/// <summary>Vectors as programs have them, and as the database takes and gives them: <see cref="ReadOnlyMemory{T}"/> of elements, of bytes for bits.</summary>
internal static class Vectors
{
    /// <summary>The elements of a type of vectors; null when it is none.</summary>
    public static VectorElement? ElementOf(Type type) =>
        type == typeof(BinaryEmbedding) ? VectorElement.Binary
        : type == typeof(Embedding<float>) ? VectorElement.Float32
        : type == typeof(Embedding<Half>) ? VectorElement.Float16
        : type == typeof(Embedding<sbyte>) ? VectorElement.Int8
        : RecordTypes.VectorElementOf(type);

    /// <summary>A vector as the database takes it; null for none.</summary>
    public static object? ToStored(object? vector) => RecordTypes.FromProperty(vector switch
    {
        Embedding<float> embedding => embedding.Vector,
        Embedding<Half> embedding => embedding.Vector,
        Embedding<sbyte> embedding => embedding.Vector,
        BinaryEmbedding embedding => Bytes(embedding.Vector),
        _ => vector,
    });

    /// <summary>A stored vector as a property of a type holds it.</summary>
    /// <param name="vector">What the database gave.</param>
    /// <param name="type">The property's type.</param>
    /// <param name="dimensions">How many elements it has.</param>
    public static object ToProperty(object vector, Type type, int dimensions) => vector switch
    {
        ReadOnlyMemory<float> floats => Shape(floats, type),
        ReadOnlyMemory<Half> halves => Shape(halves, type),
        ReadOnlyMemory<sbyte> bytes => Shape(bytes, type),
        ReadOnlyMemory<byte> bits when type == typeof(BinaryEmbedding) => new BinaryEmbedding(new BitArray(bits.ToArray()) { Length = dimensions }),
        ReadOnlyMemory<byte> bits => Shape(bits, type),
        _ => throw new InvalidOperationException($"The database gave a vector as a {vector.GetType().Name}."),
    };

    private static object Shape<T>(ReadOnlyMemory<T> elements, Type type) => type.IsArray ? elements.ToArray() : type == typeof(Embedding<T>) ? new Embedding<T>(elements) : elements;

    // The first bit is the lowest of the first byte.
    private static ReadOnlyMemory<byte> Bytes(BitArray bits)
    {
        var bytes = new byte[(bits.Length + 7) / 8];
        bits.CopyTo(bytes, 0);
        return bytes;
    }
}
