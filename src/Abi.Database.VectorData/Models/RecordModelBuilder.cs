using System.Diagnostics.CodeAnalysis;
using Abi.Database.Records;
using Abi.Database.VectorData.Records;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace Abi.Database.VectorData.Models;

/// <summary>Reads what attributes and definitions say of a record type, and checks that the database has such fields.</summary>
internal sealed class RecordModelBuilder() : CollectionModelBuilder(new CollectionModelBuildingOptions { SupportsMultipleVectors = true, RequiresAtLeastOneVector = false })
{
    private const string DataTypes =
        "bool, whole numbers, enumerations, float, double, Half, decimal, string, DateTime, DateTimeOffset, DateOnly, arrays and lists of int, long, double and string, float[], and what of them can be null";

    private const string VectorTypes = "ReadOnlyMemory<T>, T[] and Embedding<T> of float, Half, and sbyte, ReadOnlyMemory<byte> and byte[] of bits, BinaryEmbedding";

    protected override IReadOnlyList<EmbeddingGenerationDispatcher> EmbeddingGenerationDispatchers { get; } =
        [EmbeddingGenerationDispatcher.Create<Embedding<float>>(), EmbeddingGenerationDispatcher.Create<Embedding<Half>>(), EmbeddingGenerationDispatcher.Create<Embedding<sbyte>>(), EmbeddingGenerationDispatcher.Create<BinaryEmbedding>()];

    protected override void ValidateProperty(PropertyModel propertyModel, VectorStoreCollectionDefinition? definition)
    {
        base.ValidateProperty(propertyModel, definition);
        var isOnlyRead = propertyModel is VectorPropertyModel vector && vector.EmbeddingType != vector.Type; // what is embedded is never set
        if (!isOnlyRead && propertyModel.PropertyInfo is { CanWrite: false })
        {
            throw new InvalidOperationException($"The property '{propertyModel.ModelName}' cannot be set, so records could not be read. Give it a setter ('init' or a private one will do).");
        }
    }

    protected override void ValidateKeyProperty(KeyPropertyModel keyProperty)
    {
        base.ValidateKeyProperty(keyProperty);
        if (RecordTypes.KeyKindOf(keyProperty.Type) is null)
        {
            throw new NotSupportedException($"The key '{keyProperty.ModelName}' is a {keyProperty.Type.Name}. Keys are texts (string), Guid, or whole numbers.");
        }
    }

    protected override bool IsDataPropertyTypeValid(Type type, [NotNullWhen(false)] out string? supportedTypes)
    {
        supportedTypes = DataTypes;
        return RecordTypes.DataKindOf(type) is not null;
    }

    protected override bool IsVectorPropertyTypeValid(Type type, [NotNullWhen(false)] out string? supportedTypes)
    {
        supportedTypes = VectorTypes;
        return Vectors.ElementOf(type) is not null;
    }
}
