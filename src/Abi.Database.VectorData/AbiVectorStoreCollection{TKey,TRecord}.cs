using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using Abi.Database.VectorData.Errors;
using Abi.Database.VectorData.Models;
using Abi.Database.VectorData.Records;
using Microsoft.Extensions.VectorData;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace Abi.Database.VectorData;

/// <summary>A collection of a database as the <see cref="VectorStoreCollection{TKey, TRecord}"/> of Microsoft.Extensions.VectorData, with hybrid search. <see cref="AbiVectorStore"/> gives it.</summary>
/// <typeparam name="TKey">The type of the keys: <see cref="string"/>, <see cref="Guid"/>, a whole number, or <see cref="object"/>.</typeparam>
/// <typeparam name="TRecord">The type of the records.</typeparam>
/// <remarks>
/// Thread-safe. A call that writes several records writes all or none. Filters use indexed data properties. Failures of the database are <see cref="VectorStoreException"/>s with the
/// <see cref="DatabaseException"/> inside.
/// </remarks>
public sealed class AbiVectorStoreCollection<TKey, TRecord> : VectorStoreCollection<TKey, TRecord>, IKeywordHybridSearchable<TRecord>
    where TKey : notnull
    where TRecord : class
{
    private readonly CollectionModel _model;
    private readonly RecordMap<TRecord> _records;
    private readonly IVectorCollection<object, Dictionary<string, object?>> _collection;
    private readonly VectorStoreCollectionMetadata _metadata;

    internal AbiVectorStoreCollection(IVectorDatabase database, string name, CollectionModel model, VectorStoreMetadata store)
    {
        _model = model;
        _records = new RecordMap<TRecord>(model);
        _collection = database.GetDynamicCollection(name, model.ToDefinition());
        _metadata = new VectorStoreCollectionMetadata { VectorStoreSystemName = store.VectorStoreSystemName, VectorStoreName = store.VectorStoreName, CollectionName = name };
    }

    /// <inheritdoc/>
    public override string Name => _collection.Name;

    /// <inheritdoc/>
    public override Task<bool> CollectionExistsAsync(CancellationToken cancellationToken = default) => Failures.GuardAsync(() => _collection.CollectionExistsAsync(cancellationToken), Name, "CollectionExists");

    /// <inheritdoc/>
    public override Task EnsureCollectionExistsAsync(CancellationToken cancellationToken = default) => Failures.GuardAsync(() => _collection.EnsureCollectionExistsAsync(cancellationToken), Name, "EnsureCollectionExists");

    /// <inheritdoc/>
    public override Task EnsureCollectionDeletedAsync(CancellationToken cancellationToken = default) => Failures.GuardAsync(() => _collection.EnsureCollectionDeletedAsync(cancellationToken), Name, "EnsureCollectionDeleted");

    /// <inheritdoc/>
    public override async Task<TRecord?> GetAsync(TKey key, RecordRetrievalOptions? options = null, CancellationToken cancellationToken = default)
    {
        var includeVectors = IncludesVectors(options?.IncludeVectors);
        var stored = await Failures.GuardAsync(() => _collection.GetAsync(key, includeVectors, cancellationToken), Name, "Get").ConfigureAwait(false);
        return stored is null ? null : _records.ToRecord(stored, includeVectors);
    }

    /// <inheritdoc/>
    public override IAsyncEnumerable<TRecord> GetAsync(IEnumerable<TKey> keys, RecordRetrievalOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var includeVectors = IncludesVectors(options?.IncludeVectors);
        return Failures.Guard(_collection.GetAsync(keys.Cast<object>(), includeVectors, cancellationToken), Name, "Get", cancellationToken).Select(stored => _records.ToRecord(stored, includeVectors));
    }

    /// <inheritdoc/>
    /// <remarks>With an order, all that match are looked at, without their vectors; those that are wanted are read again with them.</remarks>
    public override IAsyncEnumerable<TRecord> GetAsync(Expression<Func<TRecord, bool>> filter, int top, FilteredRecordRetrievalOptions<TRecord>? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        ArgumentOutOfRangeException.ThrowIfLessThan(top, 1);
        options ??= new FilteredRecordRetrievalOptions<TRecord>();
        var includeVectors = IncludesVectors(options.IncludeVectors);
        var list = new ListOptions { Filter = ToFilter(filter), IncludeVectors = includeVectors };
        List<(string Field, bool IsAscending)> order = [.. (options.OrderBy?.Invoke(new()).Values ?? []).Select(by => (SortField(by.PropertySelector), by.Ascending))];
        var found = order.Count == 0
            ? _collection.ListAsync(list with { Skip = options.Skip, Top = top }, cancellationToken)
            : InOrder(list with { IncludeVectors = false }, order, options.Skip, top, includeVectors, cancellationToken);
        return Failures.Guard(found, Name, "Get", cancellationToken).Select(stored => _records.ToRecord(stored, includeVectors));
    }

    /// <inheritdoc/>
    public override Task DeleteAsync(TKey key, CancellationToken cancellationToken = default) => Failures.GuardAsync(() => _collection.DeleteAsync(key, cancellationToken), Name, "Delete");

    /// <inheritdoc/>
    public override Task DeleteAsync(IEnumerable<TKey> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return Failures.GuardAsync(() => _collection.DeleteAsync(keys.Cast<object>(), cancellationToken), Name, "Delete");
    }

    /// <inheritdoc/>
    public override Task UpsertAsync(TRecord record, CancellationToken cancellationToken = default) => UpsertAsync([record], cancellationToken);

    /// <inheritdoc/>
    /// <remarks>All or none are written. A key that is generated is set in the record.</remarks>
    public override Task UpsertAsync(IEnumerable<TRecord> records, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(records);
        return Failures.GuardAsync(
            async () => await _collection.UpsertAsync(await _records.ToStoredAsync([.. records], cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false),
            Name,
            "Upsert");
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<Microsoft.Extensions.VectorData.VectorSearchResult<TRecord>> SearchAsync<TInput>(TInput searchValue, int top, VectorSearchOptions<TRecord>? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(searchValue);
        ArgumentOutOfRangeException.ThrowIfLessThan(top, 1);
        options ??= new VectorSearchOptions<TRecord>();
        var property = _model.GetVectorPropertyOrSingle(options);
        var includeVectors = IncludesVectors(options.IncludeVectors);
        var search = new VectorSearchOptions { Filter = ToFilter(options.Filter), Skip = options.Skip, IncludeVectors = includeVectors, VectorField = property.StorageName };
        var vector = await ToVectorAsync(property, searchValue, cancellationToken).ConfigureAwait(false);
        var measure = property.Measure();
        await foreach (var found in Failures.Guard(_collection.SearchAsync(vector, top, search, cancellationToken), Name, "Search", cancellationToken).ConfigureAwait(false))
        {
            var score = measure.Score(found.Score);
            if (!measure.IsWithin(score, options.ScoreThreshold))
            {
                yield break; // those that follow are further away
            }

            yield return new Microsoft.Extensions.VectorData.VectorSearchResult<TRecord>(_records.ToRecord(found.Record, includeVectors), score);
        }
    }

    /// <inheritdoc/>
    /// <remarks>
    /// The list by vector and that by words (BM25, any of the keywords) become one by reciprocal ranks; the score is the sum of 1 / (60 + rank). Without <see cref="HybridSearchOptions{TRecord}.AdditionalProperty"/>
    /// all full-text indexed properties are searched.
    /// </remarks>
    public async IAsyncEnumerable<Microsoft.Extensions.VectorData.VectorSearchResult<TRecord>> HybridSearchAsync<TInput>(TInput searchValue, ICollection<string> keywords, int top, HybridSearchOptions<TRecord>? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        where TInput : notnull
    {
        ArgumentNullException.ThrowIfNull(searchValue);
        ArgumentNullException.ThrowIfNull(keywords);
        ArgumentOutOfRangeException.ThrowIfLessThan(top, 1);
        options ??= new HybridSearchOptions<TRecord>();
        var property = _model.GetVectorPropertyOrSingle(new VectorSearchOptions<TRecord> { VectorProperty = options.VectorProperty });
        var includeVectors = IncludesVectors(options.IncludeVectors);
        var search = new HybridSearchOptions
        {
            Filter = ToFilter(options.Filter),
            Skip = options.Skip,
            IncludeVectors = includeVectors,
            VectorField = property.StorageName,
            TextFields = options.AdditionalProperty is { } text ? [_model.GetFullTextDataPropertyOrSingle(text).StorageName] : [],
        };
        var vector = await ToVectorAsync(property, searchValue, cancellationToken).ConfigureAwait(false);
        var words = TextQuery.Any(keywords.Select(TextQuery.Words));
        await foreach (var found in Failures.Guard(_collection.HybridSearchAsync(vector, words, top, search, cancellationToken), Name, "HybridSearch", cancellationToken).ConfigureAwait(false))
        {
            if (found.Score < options.ScoreThreshold)
            {
                yield break; // those that follow have less
            }

            yield return new Microsoft.Extensions.VectorData.VectorSearchResult<TRecord>(_records.ToRecord(found.Record, includeVectors), found.Score);
        }
    }

    /// <inheritdoc cref="VectorStoreCollection{TKey, TRecord}.GetService"/>
    public override object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType.IsInstanceOfType(_metadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(_collection) ? _collection : null;
    }

    // What is made by a generator is not what the property holds, so that it cannot be put there.
    private bool IncludesVectors(bool? wanted) => wanted is true && _model.EmbeddingGenerationRequired ? throw new NotSupportedException(VectorDataStrings.IncludeVectorsNotSupportedWithEmbeddingGeneration) : wanted is true;

    private Filter? ToFilter(Expression<Func<TRecord, bool>>? condition)
    {
        try
        {
            return condition is null ? null : Filter.Where(condition, _model.FieldOf);
        }
        catch (ArgumentException error)
        {
            throw new NotSupportedException(error.Message, error);
        }
    }

    private string SortField(Expression<Func<TRecord, object?>> selector)
    {
        var property = _model.GetDataOrKeyProperty(selector);
        return property is VectorPropertyModel || (property.Type != typeof(string) && property.Type.IsAssignableTo(typeof(System.Collections.IEnumerable)))
            ? throw new NotSupportedException($"Records cannot be ordered by '{property.ModelName}', which has several values. Order them by a property that has one.")
            : property.StorageName;
    }

    private async IAsyncEnumerable<Dictionary<string, object?>> InOrder(
        ListOptions list, List<(string Field, bool IsAscending)> order, int skip, int top, bool includeVectors, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var all = await _collection.ListAsync(list, cancellationToken).ToListAsync(cancellationToken).ConfigureAwait(false);
        IEnumerable<Dictionary<string, object?>> sorted = all;
        foreach (var (field, isAscending) in Enumerable.Reverse(order))
        {
            // sorting keeps the order of equals, so the first criterion goes last
            sorted = isAscending ? sorted.OrderBy(record => record[field], ValueComparer.Instance) : sorted.OrderByDescending(record => record[field], ValueComparer.Instance);
        }

        List<Dictionary<string, object?>> wanted = [.. sorted.Skip(skip).Take(top)];
        if (!includeVectors)
        {
            foreach (var record in wanted)
            {
                yield return record;
            }

            yield break;
        }

        await foreach (var record in _collection.GetAsync(wanted.Select(record => record[_model.KeyProperty.StorageName]!), includeVectors: true, cancellationToken).ConfigureAwait(false))
        {
            yield return record;
        }
    }

    // A vector as it is, or what the property's generator makes of a value; a text without a generator here is left to the database's own.
    private static async Task<object> ToVectorAsync<TInput>(VectorPropertyModel property, TInput value, CancellationToken cancellationToken)
        where TInput : notnull
    {
        if (Vectors.ElementOf(value.GetType()) is not null)
        {
            return Vectors.ToStored(value) ?? throw new ArgumentException($"The vector that is searched for has no elements; '{property.ModelName}' has {property.Dimensions}.", nameof(value));
        }

        if (property.EmbeddingGenerationDispatcher is not null)
        {
            return Vectors.ToStored(await property.GenerateEmbeddingAsync(value, cancellationToken).ConfigureAwait(false))!;
        }

        return value as string ?? throw new InvalidOperationException(VectorDataStrings.InvalidSearchInputAndNoEmbeddingGeneratorWasConfigured(value.GetType(), "vectors of float, Half, sbyte and bits"));
    }
}
