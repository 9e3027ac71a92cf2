using System.Text.Json;
using System.Text.Json.Serialization;

namespace Abi.Database.Postgres.Tables;

/// <summary>Definitions of collections as the catalogue has them.</summary>
[JsonSourceGenerationOptions(UseStringEnumConverter = true)]
[JsonSerializable(typeof(CollectionDefinition))]
internal sealed partial class DefinitionJson : JsonSerializerContext
{
    public static string Format(CollectionDefinition definition) => JsonSerializer.Serialize(definition, Default.CollectionDefinition);

    /// <exception cref="DatabaseException">The text is no definition that this version knows.</exception>
    public static CollectionDefinition Parse(string text, string collection)
    {
        try
        {
            return JsonSerializer.Deserialize(text, Default.CollectionDefinition) ?? throw new JsonException("it is null");
        }
        catch (JsonException error)
        {
            throw new DatabaseException($"The definition of the collection '{collection}' cannot be read: {error.Message} It was written by a later version of Abi, or changed by another program; take the later version, or make the collection anew.", error);
        }
    }
}
