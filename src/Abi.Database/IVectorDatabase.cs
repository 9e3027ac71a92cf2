using System.Diagnostics.CodeAnalysis;
using Abi.Database.Records;

namespace Abi.Database;

/// <summary>A database of vectors, texts and metadata, wherever it is: what <see cref="VectorDatabase"/> has in common with those over other stores.</summary>
/// <remarks>Thread-safe.</remarks>
public interface IVectorDatabase : IAsyncDisposable, IDisposable
{
    /// <summary>A collection of records of a class whose properties carry <see cref="RecordKeyAttribute"/>, <see cref="RecordDataAttribute"/> and <see cref="RecordVectorAttribute"/>. It need not exist yet.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="definition">Its definition when it is to differ from what the attributes say.</param>
    /// <exception cref="ArgumentException">Its keys are of another type than <typeparamref name="TKey"/>, or the class is no record.</exception>
    IVectorCollection<TKey, TRecord> GetCollection<TKey, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TRecord>(string name, CollectionDefinition? definition = null)
        where TKey : notnull
        where TRecord : class, new();

    /// <summary>A collection of records that are dictionaries from field names to values. It need not exist yet.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="definition">Its definition; needed only to make it.</param>
    IVectorCollection<object, Dictionary<string, object?>> GetDynamicCollection(string name, CollectionDefinition? definition = null);

    /// <summary>The names of the collections, in order.</summary>
    IAsyncEnumerable<string> ListCollectionNamesAsync(CancellationToken cancellationToken = default);

    /// <summary>Whether there is a collection of a name.</summary>
    Task<bool> CollectionExistsAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>Deletes a collection with all its records, if it exists.</summary>
    Task EnsureCollectionDeletedAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>Deletes the records that have outlived their collection's time to live; they are hidden from the moment on anyway.</summary>
    /// <returns>How many.</returns>
    Task<int> DeleteExpiredAsync(CancellationToken cancellationToken = default);
}
