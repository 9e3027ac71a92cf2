using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Abi.Cli.CommandLine;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>A collection as <c>db info --json</c> prints it and <c>db create --definition</c> reads it.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record CollectionJson(string? Name, int? Records, string? Key, string? KeyName, double? TimeToLiveSeconds, ImmutableArray<DataFieldJson> Data, ImmutableArray<VectorFieldJson> Vectors, string? Damage)
{
    /// <summary>The names of distance functions on the command line.</summary>
    public static readonly ImmutableArray<(string Name, DistanceFunction Function)> Distances =
        [("cosine", DistanceFunction.CosineSimilarity), ("dot", DistanceFunction.DotProductSimilarity), ("l2", DistanceFunction.EuclideanSquaredDistance), ("hamming", DistanceFunction.HammingDistance)];

    /// <summary>The names of element types on the command line.</summary>
    public static readonly ImmutableArray<(string Name, VectorElement Element)> Elements =
        [("f32", VectorElement.Float32), ("f16", VectorElement.Float16), ("int8", VectorElement.Int8), ("binary", VectorElement.Binary)];

    /// <summary>The names of index kinds on the command line.</summary>
    public static readonly ImmutableArray<(string Name, IndexKind Kind)> Indexes = [("auto", IndexKind.Automatic), ("flat", IndexKind.Flat), ("hnsw", IndexKind.Hnsw), ("ivfpq", IndexKind.IvfPq), ("diskann", IndexKind.DiskAnn)];

    /// <summary>The names of key kinds on the command line.</summary>
    public static readonly ImmutableArray<(string Name, KeyKind Kind)> Keys = [("text", KeyKind.Text), ("guid", KeyKind.Guid), ("integer", KeyKind.Integer)];

    /// <summary>What a collection looks like.</summary>
    public static CollectionJson Of(CollectionStatistics statistics)
    {
        var definition = statistics.Definition;
        return new CollectionJson(
            statistics.Name, statistics.Count, NameOf(Keys, definition.Key), definition.KeyName, definition.TimeToLive?.TotalSeconds,
            [.. definition.Data.Select(field => new DataFieldJson(field.Name, field.Kind.ToString().ToLowerInvariant(), field.IsIndexed, field.IsFullTextIndexed, field.Boost, field.Stemming == Stemming.None ? null : field.Stemming.ToString().ToLowerInvariant()))],
            [.. definition.Vectors.Select(field => new VectorFieldJson(
                field.Name, field.Dimensions, NameOf(Elements, field.Element), NameOf(Distances, field.DistanceFunction), NameOf(Indexes, field.IndexKind), field.Connections, field.ConstructionEffort, field.IsQuantized, field.SourceField))],
            statistics.Damage?.Message);
    }

    /// <summary>The definition that it stands for.</summary>
    /// <exception cref="UsageException">It names a kind that is not there.</exception>
    public CollectionDefinition ToDefinition() => new()
    {
        Key = Key is null ? KeyKind.Text : Find(Keys, Key, "key"),
        KeyName = KeyName ?? "Key",
        TimeToLive = TimeToLiveSeconds is { } seconds ? seconds < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(Math.Max(0, seconds)) : TimeSpan.MaxValue : null,
        Data = Data.IsDefault ? [] : [.. Data.Select(field => (field ?? throw NoField()).ToField())],
        Vectors = Vectors.IsDefault ? [] : [.. Vectors.Select(field => (field ?? throw NoField()).ToField())],
    };

    /// <summary>The value of a name.</summary>
    public static T Find<T>(ImmutableArray<(string Name, T Value)> names, string name, string what)
    {
        foreach (var (known, value) in names)
        {
            if (known.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }
        }

        throw new UsageException($"The {what} is '{name}'; it must be one of: {string.Join(", ", names.Select(pair => pair.Name))}.");
    }

    private static UsageException NoField() => new("The definition has null in place of a field.");

    private static string NameOf<T>(ImmutableArray<(string Name, T Value)> names, T value)
        where T : struct, Enum => names.First(pair => EqualityComparer<T>.Default.Equals(pair.Value, value)).Name;
}
