using System.Linq.Expressions;

namespace Abi.Database;

/// <summary>A collection of records: keys, vectors, texts and metadata. What <see cref="VectorCollection{TKey, TRecord}"/> has in common with those of other stores.</summary>
/// <typeparam name="TKey">The type of the keys: <see cref="string"/>, <see cref="Guid"/>, a whole number, or <see cref="object"/>.</typeparam>
/// <typeparam name="TRecord">The type of the records.</typeparam>
/// <remarks>Thread-safe. A read sees the state of one commit, whole. A call that writes several records writes all or none.</remarks>
public interface IVectorCollection<TKey, TRecord>
    where TKey : notnull
    where TRecord : class
{
    /// <summary>The collection's name.</summary>
    string Name { get; }

    /// <summary>Whether the collection exists.</summary>
    Task<bool> CollectionExistsAsync(CancellationToken cancellationToken = default);

    /// <summary>Makes the collection if it does not exist.</summary>
    /// <exception cref="DatabaseException">It exists with another definition, or the store cannot have it.</exception>
    Task EnsureCollectionExistsAsync(CancellationToken cancellationToken = default);

    /// <summary>Deletes the collection with all its records, if it exists.</summary>
    Task EnsureCollectionDeletedAsync(CancellationToken cancellationToken = default);

    /// <summary>The condition as a filter. Properties stand for their fields; values are taken as they are now.</summary>
    /// <exception cref="ArgumentException">The condition has a form that no filter has.</exception>
    Filter Where(Expression<Func<TRecord, bool>> condition);

    /// <summary>The record with a key, or null.</summary>
    /// <param name="key">The key.</param>
    /// <param name="includeVectors">Whether the record comes with its vectors.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<TRecord?> GetAsync(TKey key, bool includeVectors = true, CancellationToken cancellationToken = default);

    /// <summary>The records with these keys, in their order; keys without a record are passed over. All of one snapshot.</summary>
    IAsyncEnumerable<TRecord> GetAsync(IEnumerable<TKey> keys, bool includeVectors = true, CancellationToken cancellationToken = default);

    /// <summary>Writes a record; one with the same key is replaced. See <see cref="UpsertAsync(IEnumerable{TRecord}, CancellationToken)"/>.</summary>
    Task UpsertAsync(TRecord record, CancellationToken cancellationToken = default);

    /// <summary>Writes records, all or none; ones with the same keys are replaced.</summary>
    /// <remarks>
    /// A vector field with a <see cref="VectorField.SourceField"/> is embedded when the record has a text there and no vector, or when it still has the vector that is stored while its text is no
    /// longer the stored one. Any other vector is taken as it is given.
    /// </remarks>
    /// <exception cref="DatabaseException">A text is to be embedded and there is no generator, or it gives vectors of other dimensions. Nothing is written then.</exception>
    Task UpsertAsync(IEnumerable<TRecord> records, CancellationToken cancellationToken = default);

    /// <summary>Deletes the record with a key, if there is one.</summary>
    Task DeleteAsync(TKey key, CancellationToken cancellationToken = default);

    /// <summary>Deletes the records with these keys, all at once.</summary>
    Task DeleteAsync(IEnumerable<TKey> keys, CancellationToken cancellationToken = default);

    /// <summary>How many records there are, or match.</summary>
    Task<int> CountAsync(Filter? filter = null, CancellationToken cancellationToken = default);

    /// <summary>The records that match, in no certain order, all of one snapshot: that of the first step.</summary>
    IAsyncEnumerable<TRecord> ListAsync(ListOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>The records nearest to a vector, nearest first: min(top, those that match).</summary>
    /// <typeparam name="TVector">
    /// A type of vector that fits the field, such as <see cref="ReadOnlyMemory{T}"/> of <see cref="float"/>, its array, or <c>Embedding&lt;float&gt;</c>; or <see cref="string"/>: a text, which is
    /// embedded first.
    /// </typeparam>
    /// <exception cref="DatabaseException">A text is given and there is no generator, or it gives vectors of other dimensions.</exception>
    IAsyncEnumerable<VectorSearchResult<TRecord>> SearchAsync<TVector>(TVector vector, int top, VectorSearchOptions? options = null, CancellationToken cancellationToken = default)
        where TVector : notnull;

    /// <summary>The records that have words, best first.</summary>
    /// <param name="query">The words: a text stands for any of them; see <see cref="TextQuery"/> for phrases and more.</param>
    /// <param name="top">How many.</param>
    /// <param name="options">How to search.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ArgumentException">No field is full-text indexed.</exception>
    IAsyncEnumerable<TextSearchResult<TRecord>> SearchTextAsync(TextQuery query, int top, TextSearchOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>The records that are near in meaning to a text, or have words of it, or both, best first: the text is embedded, and searched for by its words.</summary>
    /// <exception cref="DatabaseException">There is no generator, or it gives vectors of other dimensions.</exception>
    IAsyncEnumerable<HybridSearchResult<TRecord>> HybridSearchAsync(string text, int top, HybridSearchOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>The records that are near a vector (or a text that is embedded first), or have words of a text, or both, best first.</summary>
    IAsyncEnumerable<HybridSearchResult<TRecord>> HybridSearchAsync<TVector>(TVector vector, TextQuery words, int top, HybridSearchOptions? options = null, CancellationToken cancellationToken = default)
        where TVector : notnull;
}
