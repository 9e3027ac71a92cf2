namespace Abi.Database;

/// <summary>
/// The property is a vector: <see cref="ReadOnlyMemory{T}"/> or an array of <see cref="float"/>, <see cref="Half"/>, <see cref="sbyte"/>, or <see cref="byte"/> (binary: eight bits a byte).
/// </summary>
/// <param name="dimensions">The elements of the vector; bits for binary ones.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RecordVectorAttribute(int dimensions) : Attribute
{
    /// <summary>The elements of the vector.</summary>
    public int Dimensions { get; } = dimensions;

    /// <summary>The field's name; unset, the property's.</summary>
    public string? Name { get; set; }

    /// <summary>How near two vectors are; unset, Hamming distance for binary vectors and cosine similarity for others.</summary>
    public DistanceFunction DistanceFunction { get; set; } = (DistanceFunction)(-1);

    /// <summary>How the field is searched.</summary>
    public IndexKind IndexKind { get; set; } = IndexKind.Automatic;

    /// <summary>M of the graph.</summary>
    public int Connections { get; set; } = 16;

    /// <summary>efConstruction of the graph.</summary>
    public int ConstructionEffort { get; set; } = 200;

    /// <summary>Whether the graph walks over one byte an element; see <see cref="VectorField.IsQuantized"/>.</summary>
    public bool IsQuantized { get; set; }

    /// <summary>The property or field whose text the vector is made of when a record comes without a vector; see <see cref="VectorField.SourceField"/>.</summary>
    public string? SourceField { get; set; }
}
