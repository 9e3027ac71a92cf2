using System.Globalization;
using System.Runtime.InteropServices;
using NpgsqlTypes;

namespace Abi.Database.Postgres.Tables;

/// <summary>
/// A column of vectors. Floats and halves are pgvector's <c>vector</c> and <c>halfvec</c>; bytes are <c>halfvec</c>, too, which holds their values exactly; bits are PostgreSQL's <c>bit</c>. Over the wire go
/// arrays of real, or texts of 0 and 1.
/// </summary>
internal sealed class VectorColumn
{
    private const int MaximumDimensions = 16_000;
    private const int MaximumConnections = 100;
    private const int MaximumConstruction = 1_000;

    public VectorColumn(string collection, VectorField field)
    {
        Field = field;
        Name = Identifier.QuoteUsers(field.Name, "The vector field");
        Type = field.Element switch
        {
            VectorElement.Float32 => $"vector({field.Dimensions})",
            VectorElement.Binary => $"bit({field.Dimensions})",
            _ => $"halfvec({field.Dimensions})",
        };
        Refuse(collection, !IsBits && field.Dimensions > MaximumDimensions, $"has {field.Dimensions} dimensions; pgvector stores {MaximumDimensions:N0} at the most");
        Refuse(collection, field.IndexKind is not (IndexKind.Automatic or IndexKind.Flat or IndexKind.Hnsw), $"is to be indexed by {field.IndexKind}; in PostgreSQL there are Automatic, Flat and Hnsw");
        Refuse(collection, field.IsQuantized, "is to be quantized, which there is no such index for in PostgreSQL; Half elements take half of the memory");
        Refuse(collection, field.IndexKind == IndexKind.Hnsw && field.Dimensions > MaximumIndexed, $"has {field.Dimensions} dimensions; pgvector indexes {MaximumIndexed:N0} of this type at the most. Take IndexKind.Automatic or Flat to search it exactly, or Half elements (4,000)");
        IsIndexed = field.IndexKind != IndexKind.Flat && field.Dimensions <= MaximumIndexed;
        Refuse(collection, IsIndexed && (field.Connections > MaximumConnections || field.ConstructionEffort > MaximumConstruction),
            $"asks for Connections {field.Connections} and ConstructionEffort {field.ConstructionEffort}; pgvector takes {MaximumConnections} and {MaximumConstruction:N0} at the most");
    }

    public VectorField Field { get; }

    /// <summary>The name in quotes.</summary>
    public string Name { get; }

    /// <summary>The type of the column.</summary>
    public string Type { get; }

    /// <summary>Whether there is a graph over it.</summary>
    public bool IsIndexed { get; }

    public bool IsBits => Field.Element == VectorElement.Binary;

    /// <summary>The column as it is read.</summary>
    public string Selected => IsBits ? $"{Name}::text" : $"{Name}::real[]";

    /// <summary>The type of a parameter that is a vector.</summary>
    public NpgsqlDbType ParameterType => IsBits ? NpgsqlDbType.Text : NpgsqlDbType.Array | NpgsqlDbType.Real;

    /// <summary>The graph over the column.</summary>
    public string CreateIndex(string table)
    {
        var family = IsBits ? "bit" : Field.Element == VectorElement.Float32 ? "vector" : "halfvec";
        var operators = Field.DistanceFunction switch
        {
            DistanceFunction.CosineSimilarity => "cosine",
            DistanceFunction.DotProductSimilarity => "ip",
            DistanceFunction.EuclideanSquaredDistance => "l2",
            _ => "hamming",
        };
        // pgvector wants ef_construction to be twice m at the least.
        return string.Create(CultureInfo.InvariantCulture, $"CREATE INDEX ON {table} USING hnsw ({Name} {family}_{operators}_ops) WITH (m = {Field.Connections}, ef_construction = {Math.Max(Field.ConstructionEffort, 2 * Field.Connections)})");
    }

    /// <summary>How far the column is from a parameter, in pgvector's terms: smaller is nearer.</summary>
    public string Distance(string parameter)
    {
        var @operator = Field.DistanceFunction switch
        {
            DistanceFunction.CosineSimilarity => "<=>",
            DistanceFunction.DotProductSimilarity => "<#>",
            DistanceFunction.EuclideanSquaredDistance => "<->",
            _ => "<~>",
        };
        return $"{Name} {@operator} {parameter}::{Type}";
    }

    /// <summary>The value of the distance function.</summary>
    public double Score(double distance) => Field.DistanceFunction switch
    {
        DistanceFunction.CosineSimilarity => 1 - distance,
        DistanceFunction.DotProductSimilarity => -distance,
        DistanceFunction.EuclideanSquaredDistance => distance * distance,
        _ => distance,
    };

    /// <summary>A vector's bytes as a parameter: an array of float, or a text of 0 and 1.</summary>
    public object ToParameter(ReadOnlyMemory<byte> bytes) => IsBits ? ToBits(bytes.Span) : ToFloats(bytes.Span);

    /// <summary>The elements of a vector's bytes.</summary>
    public float[] ToFloats(ReadOnlySpan<byte> bytes)
    {
        var floats = new float[Field.Dimensions];
        switch (Field.Element)
        {
            case VectorElement.Float32:
                MemoryMarshal.Cast<byte, float>(bytes).CopyTo(floats);
                break;
            case VectorElement.Float16:
                for (var i = 0; i < floats.Length; i++)
                {
                    floats[i] = (float)MemoryMarshal.Cast<byte, Half>(bytes)[i];
                }

                break;
            default:
                for (var i = 0; i < floats.Length; i++)
                {
                    floats[i] = (sbyte)bytes[i];
                }

                break;
        }

        return floats;
    }

    /// <summary>A vector's bits, the lowest of the first byte first, as a text of 0 and 1.</summary>
    public string ToBits(ReadOnlySpan<byte> bytes)
    {
        var text = new char[Field.Dimensions];
        for (var i = 0; i < text.Length; i++)
        {
            text[i] = (bytes[i >> 3] >> (i & 7) & 1) == 0 ? '0' : '1';
        }

        return new string(text);
    }

    /// <summary>A vector's bytes, of what <see cref="Selected"/> gives.</summary>
    public byte[] ToBytes(object value)
    {
        if (value is string bits)
        {
            var bytes = new byte[(bits.Length + 7) >> 3];
            for (var i = 0; i < bits.Length; i++)
            {
                bytes[i >> 3] |= (byte)((bits[i] - '0') << (i & 7));
            }

            return bytes;
        }

        var floats = (float[])value;
        return Field.Element switch
        {
            VectorElement.Float32 => MemoryMarshal.AsBytes<float>(floats).ToArray(),
            VectorElement.Float16 => MemoryMarshal.AsBytes<Half>(Array.ConvertAll(floats, x => (Half)x)).ToArray(),
            _ => Array.ConvertAll(floats, x => (byte)(sbyte)x),
        };
    }

    private int MaximumIndexed => Field.Element switch
    {
        VectorElement.Float32 => 2_000,
        VectorElement.Binary => 64_000,
        _ => 4_000,
    };

    private void Refuse(string collection, bool condition, string why)
    {
        if (condition)
        {
            throw new DatabaseException($"PostgreSQL cannot have the collection '{collection}': the vector field '{Field.Name}' {why}.");
        }
    }
}
