using Abi.Database.Records;
using Abi.Database.VectorData.Records;
using Microsoft.Extensions.VectorData.ProviderServices;
using Kinds = Microsoft.Extensions.VectorData.IndexKind;

namespace Abi.Database.VectorData.Models;

/// <summary>What a model of VectorData says of a collection, in the database's own terms.</summary>
internal static class CollectionModelExtensions
{
    /// <summary>The definition of the collection.</summary>
    /// <exception cref="NotSupportedException">It asks for something that the database does not have.</exception>
    public static CollectionDefinition ToDefinition(this CollectionModel model) => new()
    {
        Key = RecordTypes.KeyKindOf(model.KeyProperty.Type)!.Value,
        KeyName = model.KeyProperty.StorageName,
        Data = [.. model.DataProperties.Select(ToField)],
        Vectors = [.. model.VectorProperties.Select(ToField)],
    };

    /// <summary>The name that a property's field has in the database; null when there is no such property.</summary>
    public static string? FieldOf(this CollectionModel model, string property) => model.PropertyMap.TryGetValue(property, out var found) ? found.StorageName : null;

    /// <summary>How the vectors of a property are compared.</summary>
    public static DistanceMeasure Measure(this VectorPropertyModel property) => DistanceMeasure.Of(property, Vectors.ElementOf(property.EmbeddingType)!.Value);

    private static DataField ToField(DataPropertyModel property) => new(property.StorageName, RecordTypes.DataKindOf(property.Type)!.Value)
    {
        IsIndexed = property.IsIndexed,
        IsFullTextIndexed = property.IsFullTextIndexed,
        Stemming = Annotations.Read(property, Annotations.Stemming, Stemming.None),
        Boost = Annotations.Read(property, Annotations.Boost, 1.0),
    };

    private static VectorField ToField(VectorPropertyModel property) => new(property.StorageName, property.Dimensions)
    {
        Element = Vectors.ElementOf(property.EmbeddingType)!.Value,
        DistanceFunction = property.Measure().Function,
        IsQuantized = Annotations.Read(property, Annotations.IsQuantized, false),
        Connections = Annotations.Read(property, Annotations.Connections, 16),
        ConstructionEffort = Annotations.Read(property, Annotations.ConstructionEffort, 200),
        IndexKind = property.IndexKind switch
        {
            null or Kinds.Dynamic => IndexKind.Automatic,
            Kinds.Flat => IndexKind.Flat,
            Kinds.Hnsw => IndexKind.Hnsw,
            Kinds.DiskAnn => IndexKind.DiskAnn,
            nameof(IndexKind.IvfPq) => IndexKind.IvfPq,
            var other => throw new NotSupportedException(
                $"The vector '{property.ModelName}' is to have an index of the kind '{other}', which the database does not have. It has {Kinds.Dynamic}, {Kinds.Flat}, {Kinds.Hnsw}, {Kinds.DiskAnn} and {nameof(IndexKind.IvfPq)}."),
        },
    };
}
