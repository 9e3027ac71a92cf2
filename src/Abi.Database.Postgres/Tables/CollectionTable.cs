using System.Globalization;
using Abi.Database.Schema;
using NpgsqlTypes;

namespace Abi.Database.Postgres.Tables;

/// <summary>The table of a collection: a column for the key, each data field and each vector field, one of words for each full-text field, and the time when a record expires.</summary>
internal sealed class CollectionTable
{
    public CollectionTable(string schema, string name, CollectionDefinition definition)
    {
        Collection = new CollectionSchema(name, definition);
        Name = $"{Identifier.Quote(schema, "The schema")}.{Identifier.QuoteUsers(name, "The collection")}";
        Key = Identifier.QuoteUsers(definition.KeyName, "The key");
        KeyType = ColumnType.Of(definition.Key);
        Data = [.. definition.Data.Select(field => Identifier.QuoteUsers(field.Name, "The data field"))];
        DataTypes = [.. definition.Data.Select(field => ColumnType.Of(field.Kind))];
        Words = [.. definition.Data.Select((field, i) => field.IsFullTextIndexed ? string.Create(CultureInfo.InvariantCulture, $"\"{Identifier.Reserved}words_{i}\"") : null)];
        Vectors = [.. definition.Vectors.Select(field => new VectorColumn(name, field))];
        Expires = definition.TimeToLive is null ? null : $"\"{Identifier.Reserved}expires\"";
        Living = Expires is null ? "true" : $"{Expires} > now()";
        Fields = string.Join(", ", [Key, .. Data]);
        FieldsAndVectors = string.Join(", ", [Fields, .. Vectors.Select(vector => vector.Selected)]);
    }

    public CollectionSchema Collection { get; }

    /// <summary>The name in quotes, with the schema's.</summary>
    public string Name { get; }

    /// <summary>The key's name in quotes.</summary>
    public string Key { get; }

    public ColumnType KeyType { get; }

    public NpgsqlDbType KeysType => NpgsqlDbType.Array | KeyType.Element;

    /// <summary>By data field, its name in quotes.</summary>
    public IReadOnlyList<string> Data { get; }

    public IReadOnlyList<ColumnType> DataTypes { get; }

    /// <summary>By data field, the name in quotes of the column of its words, or null.</summary>
    public IReadOnlyList<string?> Words { get; }

    public IReadOnlyList<VectorColumn> Vectors { get; }

    /// <summary>The name in quotes of the column of the time when a record expires, or null.</summary>
    public string? Expires { get; }

    /// <summary>The condition that a record has not outlived its time.</summary>
    public string Living { get; }

    /// <summary>What is selected to read records.</summary>
    public string Select(bool withVectors) => withVectors ? FieldsAndVectors : Fields;

    /// <summary>The statements that make the table and its indexes.</summary>
    public IEnumerable<string> Create()
    {
        List<string> columns = [$"{Key} {KeyType.Sql} PRIMARY KEY"];
        columns.AddRange(Data.Select((name, i) => $"{name} {DataTypes[i].Sql}"));
        columns.AddRange(Vectors.Select(vector => $"{vector.Name} {vector.Type}"));
        columns.AddRange(Words.OfType<string>().Select(name => $"{name} tsvector NOT NULL"));
        if (Expires is not null)
        {
            columns.Add($"{Expires} timestamp with time zone NOT NULL");
            yield return $"CREATE TABLE {Name} ({string.Join(", ", columns)})";
            yield return $"CREATE INDEX ON {Name} ({Expires})";
        }
        else
        {
            yield return $"CREATE TABLE {Name} ({string.Join(", ", columns)})";
        }

        for (var i = 0; i < Data.Count; i++)
        {
            if (Collection.Data[i].IsIndexed)
            {
                yield return $"CREATE INDEX ON {Name} {(IsArray(i) ? "USING gin " : "")}({Data[i]})";
            }

            if (Words[i] is { } words)
            {
                yield return $"CREATE INDEX ON {Name} USING gin ({words})";
            }
        }

        foreach (var vector in Vectors.Where(vector => vector.IsIndexed))
        {
            yield return vector.CreateIndex(Name);
        }
    }

    public bool IsArray(int field) => Collection.Data[field].Kind is DataKind.IntegerArray or DataKind.NumberArray or DataKind.TextArray;

    private string Fields { get; }

    private string FieldsAndVectors { get; }
}
