using System.Text.Json.Serialization;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>A vector field in JSON.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record VectorFieldJson(
    string Name, int Dimensions, string? Element = null, string? Distance = null, string? Index = null, int? Connections = null, int? ConstructionEffort = null, bool Quantized = false, string? SourceField = null)
{
    /// <summary>The field.</summary>
    public VectorField ToField()
    {
        var element = Element is null ? VectorElement.Float32 : CollectionJson.Find(CollectionJson.Elements, Element, "element type");
        return new VectorField(Name, Dimensions)
        {
            Element = element,
            DistanceFunction = Distance is not null ? CollectionJson.Find(CollectionJson.Distances, Distance, "distance") : element == VectorElement.Binary ? DistanceFunction.HammingDistance : DistanceFunction.CosineSimilarity,
            IndexKind = Index is null ? IndexKind.Automatic : CollectionJson.Find(CollectionJson.Indexes, Index, "index"),
            Connections = Connections ?? 16,
            ConstructionEffort = ConstructionEffort ?? 200,
            IsQuantized = Quantized,
            SourceField = SourceField,
        };
    }
}
