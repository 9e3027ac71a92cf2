using System.Diagnostics.CodeAnalysis;
using Abi.Database.VectorData.Errors;
using Abi.Database.VectorData.Models;
using Microsoft.Extensions.VectorData;

namespace Abi.Database.VectorData;

/// <summary>A database as the <see cref="VectorStore"/> of Microsoft.Extensions.VectorData: the embedded one or another <see cref="IVectorDatabase"/>.</summary>
/// <remarks>
/// Thread-safe. Disposing of it leaves the database open: that is its owner's. Collections are those of the database, so both ways to them can be used side by side. Failures of the database are
/// <see cref="VectorStoreException"/>s with the <see cref="DatabaseException"/> inside.
/// </remarks>
public sealed class AbiVectorStore : VectorStore
{
    private readonly IVectorDatabase _database;
    private readonly AbiVectorStoreOptions _options;
    private readonly VectorStoreMetadata _metadata;

    /// <summary>Makes a store of a database.</summary>
    /// <param name="database">The database; it must outlive the store, which does not dispose of it.</param>
    /// <param name="options">How it is used.</param>
    public AbiVectorStore(IVectorDatabase database, AbiVectorStoreOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(database);
        _database = database;
        _options = options ?? new AbiVectorStoreOptions();
        _metadata = new VectorStoreMetadata { VectorStoreSystemName = Failures.SystemName, VectorStoreName = (database as VectorDatabase)?.Path };
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The record type or the definition is none that a collection can be made of.</exception>
    /// <exception cref="NotSupportedException">It asks for something that the database does not have, such as another distance function.</exception>
    [RequiresDynamicCode("Records of a class are mapped by reflection. GetDynamicCollection works in programs that are compiled ahead of time.")]
    [RequiresUnreferencedCode("Records of a class are mapped by reflection. GetDynamicCollection works in programs that are trimmed.")]
    public override VectorStoreCollection<TKey, TRecord> GetCollection<TKey, TRecord>(string name, VectorStoreCollectionDefinition? definition = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return new AbiVectorStoreCollection<TKey, TRecord>(_database, name, new RecordModelBuilder().Build(typeof(TRecord), typeof(TKey), definition, _options.EmbeddingGenerator), _metadata);
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The definition is none that a collection can be made of.</exception>
    /// <exception cref="NotSupportedException">It asks for something that the database does not have, such as another distance function.</exception>
    public override VectorStoreCollection<object, Dictionary<string, object?>> GetDynamicCollection(string name, VectorStoreCollectionDefinition definition)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(definition);
        var model = new RecordModelBuilder().BuildDynamic(definition, definition.EmbeddingGenerator ?? _options.EmbeddingGenerator);
        return new AbiVectorStoreCollection<object, Dictionary<string, object?>>(_database, name, model, _metadata);
    }

    /// <inheritdoc/>
    public override IAsyncEnumerable<string> ListCollectionNamesAsync(CancellationToken cancellationToken = default) =>
        Failures.Guard(_database.ListCollectionNamesAsync(cancellationToken), null, "ListCollectionNames", cancellationToken);

    /// <inheritdoc/>
    public override Task<bool> CollectionExistsAsync(string name, CancellationToken cancellationToken = default) =>
        Failures.GuardAsync(() => _database.CollectionExistsAsync(name, cancellationToken), name, "CollectionExists");

    /// <inheritdoc/>
    public override Task EnsureCollectionDeletedAsync(string name, CancellationToken cancellationToken = default) =>
        Failures.GuardAsync(() => _database.EnsureCollectionDeletedAsync(name, cancellationToken), name, "EnsureCollectionDeleted");

    /// <inheritdoc/>
    public override object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType.IsInstanceOfType(_metadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(_database) ? _database : null;
    }
}
