using Abi.Database.Rows;
using Abi.Database.Schema;
using Abi.Database.Storage;

namespace Abi.Database.Records;

/// <summary>Between a user's records and the bytes of the log.</summary>
internal abstract class RecordMapper<TRecord>
{
    /// <summary>What the record type says of the collection; null when it says nothing.</summary>
    public abstract CollectionDefinition? Definition { get; }

    public abstract object? GetKey(TRecord record, CollectionSchema schema);

    public abstract object? GetData(TRecord record, CollectionSchema schema, int field);

    public abstract object? GetVector(TRecord record, CollectionSchema schema, int field);

    public abstract TRecord Create(CollectionSchema schema, object key, object?[] data, ReadOnlySpan<VectorBytes> vectors);

    /// <summary>The name of the field that a property of the record stands for; null when none does.</summary>
    public abstract string? FieldOf(string property);

    /// <summary>Writes an upsert operation.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="schema">The collection's.</param>
    /// <param name="record">The record.</param>
    /// <param name="expires">When it expires, in ticks; 0 for never.</param>
    /// <param name="embedded">By vector field, the vectors that replace those of the record.</param>
    public void WriteUpsert(ByteWriter writer, CollectionSchema schema, TRecord record, long expires, IReadOnlyDictionary<int, byte[]?>? embedded = null)
    {
        writer.Byte((byte)OpCode.Upsert);
        writer.Int64(expires);
        var lengthAt = writer.Length;
        writer.Int32(0);
        var key = GetKey(record, schema) ?? throw new ArgumentException($"A record of the collection '{schema.Name}' has no key ('{schema.Definition.KeyName}').");
        writer.Block(RecordCodec.EncodeKey(schema.Definition.Key, key));
        for (var i = 0; i < schema.Data.Count; i++)
        {
            RecordCodec.WriteValue(writer, schema.Data[i], GetData(record, schema, i));
        }

        writer.SetInt32(lengthAt, writer.Length - lengthAt - sizeof(int));
        for (var i = 0; i < schema.Vectors.Count; i++)
        {
            var vector = embedded is not null && embedded.TryGetValue(i, out var made) ? made : VectorCodec.Encode(schema.Vectors[i], GetVector(record, schema, i));
            writer.Byte(vector is null ? (byte)0 : (byte)1);
            writer.Bytes(vector);
        }
    }
}
