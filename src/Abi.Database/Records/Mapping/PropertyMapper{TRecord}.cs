using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Abi.Database.Schema;

namespace Abi.Database.Records;

/// <summary>Records of a class whose properties carry attributes. The properties are looked up once; nothing is generated at run time.</summary>
internal sealed class PropertyMapper<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TRecord> : RecordMapper<TRecord>
{
    private static PropertyMapper<TRecord>? _instance;

    private readonly PropertyInfo _key;
    private readonly Dictionary<string, PropertyInfo> _properties = new(StringComparer.Ordinal); // by field name
    private readonly Dictionary<string, string> _fields = new(StringComparer.Ordinal);           // field names by property name

    private PropertyMapper()
    {
        List<DataField> data = [];
        List<VectorField> vectors = [];
        PropertyInfo? key = null;
        var keyName = "";
        foreach (var property in typeof(TRecord).GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.GetCustomAttribute<RecordKeyAttribute>() is { } keyAttribute)
            {
                key = key is null ? property : throw Wrong(property, "is a second key");
                keyName = Register(property, keyAttribute.Name);
            }
            else if (property.GetCustomAttribute<RecordDataAttribute>() is { } dataAttribute)
            {
                data.Add(new DataField(Register(property, dataAttribute.Name), RecordTypes.DataKindOf(property.PropertyType) ?? throw Wrong(property, $"is a {property.PropertyType.Name}, which is no type of a data field"))
                {
                    IsIndexed = dataAttribute.IsIndexed,
                    IsFullTextIndexed = dataAttribute.IsFullTextIndexed,
                    Boost = dataAttribute.Boost,
                    Stemming = dataAttribute.Stemming,
                });
            }
            else if (property.GetCustomAttribute<RecordVectorAttribute>() is { } vector)
            {
                var element = VectorCodec.ElementOf(property.PropertyType) ?? throw Wrong(property, $"is a {property.PropertyType.Name}, which is no type of a vector");
                vectors.Add(new VectorField(Register(property, vector.Name), vector.Dimensions)
                {
                    Element = element,
                    DistanceFunction = (int)vector.DistanceFunction >= 0 ? vector.DistanceFunction : element == VectorElement.Binary ? DistanceFunction.HammingDistance : DistanceFunction.CosineSimilarity,
                    IndexKind = vector.IndexKind,
                    Connections = vector.Connections,
                    ConstructionEffort = vector.ConstructionEffort,
                    IsQuantized = vector.IsQuantized,
                    SourceField = vector.SourceField,
                });
            }
        }

        _key = key ?? throw new ArgumentException($"The type {typeof(TRecord).Name} has no property with the attribute RecordKey.");
        Definition = new CollectionDefinition
        {
            Key = RecordTypes.KeyKindOf(_key.PropertyType) ?? throw Wrong(_key, $"is a {_key.PropertyType.Name}, which is no type of a key"),
            KeyName = keyName,
            Data = [.. data],
            // The attribute may name the property or its field.
            Vectors = [.. vectors.Select(vector => vector.SourceField is { } source && _fields.TryGetValue(source, out var field) ? vector with { SourceField = field } : vector)],
        };
    }

    public static PropertyMapper<TRecord> Instance => _instance ??= new PropertyMapper<TRecord>();

    public override CollectionDefinition Definition { get; }

    public override object? GetKey(TRecord record, CollectionSchema schema) => _key.GetValue(record);

    public override object? GetData(TRecord record, CollectionSchema schema, int field) =>
        RecordTypes.FromProperty(_properties.GetValueOrDefault(schema.Data[field].Name)?.GetValue(record));

    public override object? GetVector(TRecord record, CollectionSchema schema, int field) =>
        RecordTypes.FromProperty(_properties.GetValueOrDefault(schema.Vectors[field].Name)?.GetValue(record));

    public override TRecord Create(CollectionSchema schema, object key, object?[] data, ReadOnlySpan<VectorBytes> vectors)
    {
        object record = Activator.CreateInstance<TRecord>()!;
        Set(_key, record, key);
        for (var i = 0; i < data.Length; i++)
        {
            if (data[i] is { } value && _properties.TryGetValue(schema.Data[i].Name, out var property))
            {
                Set(property, record, value);
            }
        }

        for (var i = 0; i < vectors.Length; i++)
        {
            if (_properties.TryGetValue(schema.Vectors[i].Name, out var property) && VectorCodec.Decode(schema.Vectors[i], vectors[i].Bytes.Span, property.PropertyType) is { } vector)
            {
                property.SetValue(record, vector);
            }
        }

        return (TRecord)record;
    }

    public override string? FieldOf(string property) => _fields.GetValueOrDefault(property);

    private static void Set(PropertyInfo property, object record, object value) => property.SetValue(record, RecordTypes.ToProperty(value, property.PropertyType));

    private static ArgumentException Wrong(PropertyInfo property, string what) => new($"The property {typeof(TRecord).Name}.{property.Name} {what}.");

    private string Register(PropertyInfo property, string? name)
    {
        if (property.GetMethod is null || property.SetMethod is null)
        {
            throw Wrong(property, "must have a getter and a setter (init will do)");
        }

        name ??= property.Name;
        _properties.Add(name, property);
        _fields.Add(property.Name, name);
        return name;
    }
}
