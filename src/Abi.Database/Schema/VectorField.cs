namespace Abi.Database;

/// <summary>A vector field of a collection. A record may leave it out; it is then not found by searches over this field.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Dimensions">The elements of a vector, from 1 to 65,536.</param>
public sealed record VectorField(string Name, int Dimensions)
{
    /// <summary>How elements are stored.</summary>
    public VectorElement Element { get; init; } = VectorElement.Float32;

    /// <summary>How near two vectors are.</summary>
    public DistanceFunction DistanceFunction { get; init; } = DistanceFunction.CosineSimilarity;

    /// <summary>How the field is searched.</summary>
    public IndexKind IndexKind { get; init; } = IndexKind.Automatic;

    /// <summary>M of the graph: links of a node on the upper levels, half those of the lowest. From 2 to 128.</summary>
    public int Connections { get; init; } = 16;

    /// <summary>efConstruction of the graph: how many candidates are weighed when a vector is inserted. From 8 to 4,096.</summary>
    public int ConstructionEffort { get; init; } = 200;

    /// <summary>
    /// Whether the graph walks over one byte an element and only the best are compared exactly; for <see cref="VectorElement.Float32"/>. The floats then stay in the mapped
    /// file, so that a quarter of the memory is resident.
    /// </summary>
    public bool IsQuantized { get; init; }

    /// <summary>
    /// The text field whose text the vector is made of when a record comes without a vector; for <see cref="VectorElement.Float32"/> and <see cref="VectorElement.Float16"/>. Unset, vectors are always
    /// given. See <see cref="DatabaseOptions.WithEmbeddings"/>.
    /// </summary>
    public string? SourceField { get; init; }
}
