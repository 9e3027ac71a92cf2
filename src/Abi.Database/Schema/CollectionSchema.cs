using Abi.Database.Storage;

namespace Abi.Database.Schema;

/// <summary>A collection's definition, checked, with its name, and the number under which the log and the manifest hold it.</summary>
/// <remarks>Immutable and thread-safe. Public for stores outside this assembly.</remarks>
public sealed class CollectionSchema
{
    internal const int MaximumFields = 64;
    private const int Format = 2; // 2: stemming of text fields, source fields of vectors

    /// <summary>Checks a definition.</summary>
    /// <exception cref="ArgumentException">The name is empty, or the definition contradicts itself.</exception>
    public CollectionSchema(string name, CollectionDefinition definition) : this(0, name, definition) { }

    internal CollectionSchema(int id, string name, CollectionDefinition definition)
    {
        ArgumentNullException.ThrowIfNull(definition);
        (Id, Name, Definition) = (id, name, definition);
        Check();
    }

    internal int Id { get; }

    /// <summary>The collection's name.</summary>
    public string Name { get; }

    /// <summary>The definition.</summary>
    public CollectionDefinition Definition { get; }

    /// <summary>The data fields, in their order.</summary>
    public IReadOnlyList<DataField> Data => Definition.Data;

    /// <summary>The vector fields, in their order.</summary>
    public IReadOnlyList<VectorField> Vectors => Definition.Vectors;

    /// <summary>Whether a vector is made of a text when a record comes without it.</summary>
    public bool HasSources => Vectors.Any(vector => vector.SourceField is not null);

    /// <summary>The place of a data field, or -1.</summary>
    public int DataIndex(string name)
    {
        for (var i = 0; i < Data.Count; i++)
        {
            if (Data[i].Name == name)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The place of a data field that filters may use.</summary>
    /// <exception cref="ArgumentException">There is no such field, or it is not indexed.</exception>
    public int FilterIndex(string name)
    {
        var index = DataIndex(name);
        return index < 0
            ? throw new ArgumentException(name == Definition.KeyName
                ? $"'{name}' is the key of the collection '{Name}', which filters cannot use. Ask for records by their keys (GetAsync, DeleteAsync), or keep it in an indexed data field as well."
                : $"The collection '{Name}' has no data field '{name}'; it has {string.Join(", ", Data.Select(field => field.Name).DefaultIfEmpty("none"))}.")
            : Data[index].IsIndexed ? index : throw new ArgumentException($"The field '{name}' of the collection '{Name}' is not indexed, so filters cannot use it. Set IsIndexed in the collection's definition.");
    }

    /// <summary>Whether a record may have something of this name.</summary>
    internal bool HasField(string name)
    {
        if (name == Definition.KeyName || DataIndex(name) >= 0)
        {
            return true;
        }

        foreach (var vector in Vectors)
        {
            if (vector.Name == name)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The text fields that a search by words looks into.</summary>
    /// <param name="names">Their names; empty, all that are full-text indexed.</param>
    /// <exception cref="ArgumentException">There is none, or one of those named is not full-text indexed.</exception>
    public IReadOnlyList<DataField> TextFields(IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        List<DataField> fields = [.. Data.Where(field => field.IsFullTextIndexed && (names.Count == 0 || names.Contains(field.Name, StringComparer.Ordinal)))];
        return fields.Count >= Math.Max(1, names.Count)
            ? fields
            : throw new ArgumentException($"The collection '{Name}' has no full-text index of {(names.Count == 0 ? "any field" : string.Join(", ", names))}. Set IsFullTextIndexed in its definition.");
    }

    /// <summary>The place of a vector field.</summary>
    /// <param name="name">Its name; may be null when there is only one.</param>
    /// <exception cref="ArgumentException">There is no such field, or the name is needed.</exception>
    public int VectorIndex(string? name)
    {
        if (name is null)
        {
            return Vectors.Count == 1 ? 0 : throw new ArgumentException($"The collection '{Name}' has {Vectors.Count} vector fields; say which one is meant ({string.Join(", ", Vectors.Select(v => v.Name))}).");
        }

        for (var i = 0; i < Vectors.Count; i++)
        {
            if (Vectors[i].Name == name)
            {
                return i;
            }
        }

        throw new ArgumentException($"The collection '{Name}' has no vector field '{name}'; it has {string.Join(", ", Vectors.Select(v => v.Name))}.");
    }

    internal void Write(ByteWriter writer)
    {
        writer.Byte(Format);
        writer.Int32(Id);
        writer.Text(Name);
        writer.Byte((byte)Definition.Key);
        writer.Text(Definition.KeyName);
        writer.Int64(Definition.TimeToLive?.Ticks ?? 0);
        writer.Int32(Data.Count);
        foreach (var field in Data)
        {
            writer.Text(field.Name);
            writer.Byte((byte)field.Kind);
            writer.Byte((byte)((field.IsIndexed ? 1 : 0) | (field.IsFullTextIndexed ? 2 : 0)));
            writer.Double(field.Boost);
            writer.Byte((byte)field.Stemming);
        }

        writer.Int32(Vectors.Count);
        foreach (var field in Vectors)
        {
            writer.Text(field.Name);
            writer.Int32(field.Dimensions);
            writer.Byte((byte)field.Element);
            writer.Byte((byte)field.DistanceFunction);
            writer.Byte((byte)field.IndexKind);
            writer.Int32(field.Connections);
            writer.Int32(field.ConstructionEffort);
            writer.Byte(field.IsQuantized ? (byte)1 : (byte)0);
            writer.Text(field.SourceField ?? "");
        }
    }

    internal static CollectionSchema Read(ref ByteReader reader)
    {
        var format = reader.Byte();
        if (format is < 1 or > Format)
        {
            throw new FormatException($"The schema has format {format}; 1 to {Format} was expected.");
        }

        var id = reader.Int32();
        var name = reader.Text();
        var key = (KeyKind)reader.Byte();
        var keyName = reader.Text();
        var timeToLive = reader.Int64();
        var data = new DataField[reader.Count(14)];
        for (var i = 0; i < data.Length; i++)
        {
            var field = new DataField(reader.Text(), (DataKind)reader.Byte());
            var flags = reader.Byte();
            data[i] = field with { IsIndexed = (flags & 1) != 0, IsFullTextIndexed = (flags & 2) != 0, Boost = reader.Double() };
            if (format >= 2)
            {
                data[i] = data[i] with { Stemming = (Stemming)reader.Byte() };
            }
        }

        var vectors = new VectorField[reader.Count(20)];
        for (var i = 0; i < vectors.Length; i++)
        {
            vectors[i] = new VectorField(reader.Text(), reader.Int32())
            {
                Element = (VectorElement)reader.Byte(),
                DistanceFunction = (DistanceFunction)reader.Byte(),
                IndexKind = (IndexKind)reader.Byte(),
                Connections = reader.Int32(),
                ConstructionEffort = reader.Int32(),
                IsQuantized = reader.Byte() != 0,
                SourceField = format >= 2 && reader.Text() is { Length: > 0 } source ? source : null,
            };
        }

        try
        {
            return new CollectionSchema(id, name, new CollectionDefinition
            {
                Key = key,
                KeyName = keyName,
                TimeToLive = timeToLive == 0 ? null : TimeSpan.FromTicks(timeToLive),
                Data = [.. data],
                Vectors = [.. vectors],
            });
        }
        catch (ArgumentException error)
        {
            throw new FormatException(error.Message, error);
        }
    }

    private void Check()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Name);
        Require(Enum.IsDefined(Definition.Key) && !string.IsNullOrEmpty(Definition.KeyName), "The key needs a name and one of the kinds of keys.");
        Require(!Definition.Data.IsDefault && !Definition.Vectors.IsDefault && Data.Count <= MaximumFields && Vectors.Count <= 16, $"A collection has at most {MaximumFields} data fields and 16 vector fields.");
        Require(Definition.TimeToLive is null || Definition.TimeToLive > TimeSpan.Zero, "The time to live must be longer than nothing.");
        var names = new HashSet<string>(StringComparer.Ordinal) { Definition.KeyName };
        foreach (var field in Data)
        {
            Require(!string.IsNullOrEmpty(field.Name) && names.Add(field.Name), $"The field name '{field.Name}' is empty or stands twice.");
            Require(Enum.IsDefined(field.Kind), $"The field '{field.Name}' has no known kind.");
            Require(!field.IsFullTextIndexed || field.Kind == DataKind.Text, $"The field '{field.Name}' is {field.Kind}; only Text can be full-text indexed.");
            Require(Enum.IsDefined(field.Stemming), $"The field '{field.Name}' has no known stemming.");
            Require(field.Boost > 0 && double.IsFinite(field.Boost), $"The boost of the field '{field.Name}' is {field.Boost}; it must be greater than 0.");
        }

        foreach (var field in Vectors)
        {
            Require(!string.IsNullOrEmpty(field.Name) && names.Add(field.Name), $"The field name '{field.Name}' is empty or stands twice.");
            Require(field.Dimensions is >= 1 and <= 65536, $"The vector field '{field.Name}' has {field.Dimensions} dimensions; 1 to 65,536 are possible.");
            Require(Enum.IsDefined(field.Element) && Enum.IsDefined(field.DistanceFunction) && Enum.IsDefined(field.IndexKind), $"The vector field '{field.Name}' has an unknown element, distance function or index kind.");
            Require((field.Element == VectorElement.Binary) == (field.DistanceFunction == DistanceFunction.HammingDistance), $"The vector field '{field.Name}': Hamming distance and binary elements go together.");
            Require(field.Connections is >= 2 and <= 128 && field.ConstructionEffort is >= 8 and <= 4096, $"The vector field '{field.Name}': Connections must be from 2 to 128, ConstructionEffort from 8 to 4,096.");
            Require(field.IndexKind is not (IndexKind.IvfPq or IndexKind.DiskAnn) || (field.Element == VectorElement.Float32 && !field.IsQuantized), $"The vector field '{field.Name}': {field.IndexKind} is for Float32 elements and has codes of its own, so IsQuantized must be unset.");
            Require(!field.IsQuantized || field.Element == VectorElement.Float32, $"The vector field '{field.Name}' is {field.Element}; only Float32 can be quantized.");
            Require(field.SourceField is not { } source || (DataIndex(source) is var at and >= 0 && Data[at].Kind == DataKind.Text), $"The vector field '{field.Name}' is to be made of '{field.SourceField}', which is no text field of the collection.");
            Require(field.SourceField is null || field.Element is VectorElement.Float32 or VectorElement.Float16, $"The vector field '{field.Name}' is {field.Element}; only Float32 and Float16 can be made of a text.");
        }
    }

    private void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException($"{message} (collection '{Name}')");
        }
    }
}
