using System.Diagnostics.CodeAnalysis;
using Abi.Database.Embeddings;

namespace Abi.Database.Records;

/// <summary>Makes converters of records; what stores outside this assembly begin with.</summary>
public static class RecordConverter
{
    /// <summary>The converter of a class whose properties carry attributes.</summary>
    /// <param name="embedder">What embeds texts; null for nothing.</param>
    public static RecordConverter<TRecord> OfClass<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TRecord>(TextEmbedder? embedder)
        where TRecord : class, new() => new(PropertyMapper<TRecord>.Instance, embedder);

    /// <summary>The converter of records that are dictionaries.</summary>
    /// <param name="embedder">What embeds texts; null for nothing.</param>
    public static RecordConverter<Dictionary<string, object?>> OfDictionaries(TextEmbedder? embedder) => new(new DictionaryMapper(), embedder);
}
