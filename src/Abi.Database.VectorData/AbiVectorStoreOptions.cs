using Microsoft.Extensions.AI;

namespace Abi.Database.VectorData;

/// <summary>How a database is used as a <see cref="AbiVectorStore"/>.</summary>
public sealed record AbiVectorStoreOptions
{
    /// <summary>
    /// What embeds the values of vector properties that are no vectors (texts, say), and what is searched for, where neither the property nor the collection's definition names a generator. Unset, texts
    /// that are searched for are embedded by the database's own generator, if it has one.
    /// </summary>
    public IEmbeddingGenerator? EmbeddingGenerator { get; init; }
}
