using Abi.Database.Schema;

namespace Abi.Database.Records;

/// <summary>Records that are dictionaries from field names to values.</summary>
internal sealed class DictionaryMapper : RecordMapper<Dictionary<string, object?>>
{
    public override CollectionDefinition? Definition => null;

    public override object? GetKey(Dictionary<string, object?> record, CollectionSchema schema)
    {
        foreach (var name in record.Keys)
        {
            if (!schema.HasField(name))
            {
                throw new ArgumentException($"The collection '{schema.Name}' has no field '{name}'.");
            }
        }

        return record.GetValueOrDefault(schema.Definition.KeyName);
    }

    public override object? GetData(Dictionary<string, object?> record, CollectionSchema schema, int field) => record.GetValueOrDefault(schema.Data[field].Name);

    public override object? GetVector(Dictionary<string, object?> record, CollectionSchema schema, int field) => record.GetValueOrDefault(schema.Vectors[field].Name);

    public override Dictionary<string, object?> Create(CollectionSchema schema, object key, object?[] data, ReadOnlySpan<VectorBytes> vectors)
    {
        var record = new Dictionary<string, object?>(1 + data.Length + vectors.Length, StringComparer.Ordinal) { [schema.Definition.KeyName] = key };
        for (var i = 0; i < data.Length; i++)
        {
            record[schema.Data[i].Name] = data[i];
        }

        for (var i = 0; i < vectors.Length; i++)
        {
            record[schema.Vectors[i].Name] = VectorCodec.Decode(schema.Vectors[i], vectors[i].Bytes.Span, null);
        }

        return record;
    }

    public override string? FieldOf(string property) => property;
}
