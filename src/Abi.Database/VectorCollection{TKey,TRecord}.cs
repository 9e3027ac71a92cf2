using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using Abi.Database.Engine;
using Abi.Database.Filters;
using Abi.Database.Records;
using Abi.Database.Rows;
using Abi.Database.Schema;
using Abi.Database.Storage;
using Abi.Database.Telemetry;

namespace Abi.Database;

/// <summary>A collection of records: keys, vectors, texts and metadata.</summary>
/// <typeparam name="TKey">The type of the keys: <see cref="string"/>, <see cref="Guid"/>, a whole number, or <see cref="object"/>.</typeparam>
/// <typeparam name="TRecord">The type of the records.</typeparam>
/// <remarks>
/// Thread-safe. A read sees the state of one commit, whole, and never waits. A call that writes several records writes all or none. Writes are acknowledged, by completing their task,
/// as <see cref="DatabaseOptions.Durability"/> says; when no other write is going on, they are done on the caller's thread.
/// </remarks>
public sealed partial class VectorCollection<TKey, TRecord> : IVectorCollection<TKey, TRecord>
    where TKey : notnull
    where TRecord : class
{
    private readonly VectorDatabase _database;
    private readonly RecordConverter<TRecord> _records;
    private readonly CollectionDefinition? _definition;

    internal VectorCollection(VectorDatabase database, string name, RecordConverter<TRecord> records, CollectionDefinition? definition)
    {
        _database = database;
        _records = records;
        _definition = records.DefinitionFor<TKey>(name, definition);
        Name = name;
    }

    /// <summary>The collection's name.</summary>
    public string Name { get; }

    private DatabaseEngine Engine => _database.Engine;

    private CollectionHandle Handle => Engine.Find(Name) ?? throw new DatabaseException($"The database {Engine.Folder} has no collection '{Name}'. Call EnsureCollectionExistsAsync first.");

    /// <summary>Whether the collection exists.</summary>
    public Task<bool> CollectionExistsAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(Engine.Find(Name) is not null);
    }

    /// <summary>Makes the collection if it does not exist.</summary>
    /// <exception cref="DatabaseException">It exists with another definition.</exception>
    public Task EnsureCollectionExistsAsync(CancellationToken cancellationToken = default)
    {
        var definition = _definition ?? throw new DatabaseException($"The collection '{Name}' cannot be made: give its definition to GetCollection.");
        return Task.Run(() => Engine.Create(Name, definition), cancellationToken);
    }

    /// <summary>Deletes the collection with all its records, if it exists.</summary>
    public Task EnsureCollectionDeletedAsync(CancellationToken cancellationToken = default) => Task.Run(() => Engine.Drop(Name), cancellationToken);

    /// <summary>The condition as a filter. Properties stand for their fields; values are taken as they are now.</summary>
    /// <exception cref="ArgumentException">The condition has a form that no filter has.</exception>
    public Filter Where(Expression<Func<TRecord, bool>> condition) => _records.Where(condition);

    /// <summary>The record with a key, or null.</summary>
    /// <param name="key">The key.</param>
    /// <param name="includeVectors">Whether the record comes with its vectors.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<TRecord?> GetAsync(TKey key, bool includeVectors = true, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var store = Handle.Store;
        var bytes = RecordCodec.EncodeKey(store.Schema.Definition.Key, key);
        var (place, view) = store.BeginRead();
        try
        {
            var slot = store.Find(bytes, store.Visible(view, Engine.Now));
            return Task.FromResult(slot < 0 ? null : Read(store, slot, includeVectors));
        }
        finally
        {
            store.EndRead(place);
        }
    }

    /// <summary>The records with these keys, in their order; keys without a record are passed over. All of one snapshot.</summary>
    public async IAsyncEnumerable<TRecord> GetAsync(IEnumerable<TKey> keys, bool includeVectors = true, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        await Task.CompletedTask.ConfigureAwait(false);
        var store = Handle.Store;
        List<byte[]> all = [.. keys.Select(key => RecordCodec.EncodeKey(store.Schema.Definition.Key, key))];
        var (place, view) = store.BeginRead();
        try
        {
            var visible = store.Visible(view, Engine.Now);
            foreach (var key in all)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (store.Find(key, visible) is var slot and >= 0)
                {
                    yield return Read(store, slot, includeVectors);
                }
            }
        }
        finally
        {
            store.EndRead(place);
        }
    }

    /// <summary>Writes a record; one with the same key is replaced. See <see cref="UpsertAsync(IEnumerable{TRecord}, CancellationToken)"/>.</summary>
    public Task UpsertAsync(TRecord record, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(record);
        return UpsertAsync([record], cancellationToken);
    }

    /// <summary>Writes records, all or none; ones with the same keys are replaced.</summary>
    /// <remarks>
    /// A vector field with a <see cref="VectorField.SourceField"/> is embedded when the record has a text there and no vector, or when it still has the vector that is stored while its text is no
    /// longer the stored one. Any other vector is taken as it is given.
    /// </remarks>
    /// <exception cref="DatabaseException">A text is to be embedded and there is no generator, or it gives vectors of other dimensions. Nothing is written then.</exception>
    public Task UpsertAsync(IEnumerable<TRecord> records, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(records);
        cancellationToken.ThrowIfCancellationRequested();
        var schema = Handle.Store.Schema;
        return schema.HasSources ? UpsertEmbeddedAsync(schema, records, cancellationToken) : UpsertAsync(schema, records, null, cancellationToken);
    }

    /// <summary>Deletes the record with a key, if there is one.</summary>
    public Task DeleteAsync(TKey key, CancellationToken cancellationToken = default) => DeleteAsync([key], cancellationToken);

    /// <summary>Deletes the records with these keys, all at once.</summary>
    public Task DeleteAsync(IEnumerable<TKey> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        cancellationToken.ThrowIfCancellationRequested();
        var schema = Handle.Store.Schema;
        var writer = Begin(schema, out var countAt);
        var count = 0;
        foreach (var key in keys)
        {
            writer.Byte((byte)OpCode.Delete);
            writer.Block(RecordCodec.EncodeKey(schema.Definition.Key, key));
            count++;
        }

        return CommitAsync("delete", writer, countAt, count, cancellationToken);
    }

    /// <summary>How many records there are, or match.</summary>
    public Task<int> CountAsync(Filter? filter = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var store = Handle.Store;
        var (place, view) = store.BeginRead();
        try
        {
            return Task.FromResult(filter is null && !store.HasExpiry ? view.Live : FilterBits.Count(store.Select(filter, store.Visible(view, Engine.Now), view.Slots)));
        }
        finally
        {
            store.EndRead(place);
        }
    }

    /// <summary>The records that match, in no certain order, all of one snapshot: that of the first step.</summary>
    public async IAsyncEnumerable<TRecord> ListAsync(ListOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        options ??= new ListOptions();
        options.Validate();
        await Task.CompletedTask.ConfigureAwait(false);
        var store = Handle.Store;
        var (place, view) = store.BeginRead();
        try
        {
            var bits = store.Select(options.Filter, store.Visible(view, Engine.Now), view.Slots);
            var (skip, left) = (options.Skip, options.Top ?? int.MaxValue);
            for (var slot = 0; slot < view.Slots && left > 0; slot++)
            {
                if ((bits[slot >> 6] >> (slot & 63) & 1) == 0 || skip-- > 0)
                {
                    continue;
                }

                cancellationToken.ThrowIfCancellationRequested();
                left--;
                yield return Read(store, slot, options.IncludeVectors);
            }
        }
        finally
        {
            store.EndRead(place);
        }
    }

    /// <summary>What the collection holds and how it is searched.</summary>
    public CollectionStatistics GetStatistics()
    {
        var handle = Handle;
        if (handle.Damage is { } damage)
        {
            return new CollectionStatistics(Name, 0, handle.Schema.Definition, [], damage);
        }

        var store = handle.Store;
        return new CollectionStatistics(Name, store.View.Live, handle.Schema.Definition,
            [.. store.Vectors.Select(index => new VectorStatistics(index.Field.Name, index.Graph?.Kind ?? IndexKind.Flat, index.Graph?.Count ?? 0, index.WaitingCount) { ResidentBytes = index.ResidentBytes })], null)
        {
            DecryptedBytes = store.DecryptedBytes,
        };
    }

    private Task UpsertAsync(CollectionSchema schema, IEnumerable<TRecord> records, Dictionary<int, byte[]?>?[]? embedded, CancellationToken cancellationToken)
    {
        var now = Engine.Now;
        var expires = schema.Definition.TimeToLive is { } life && life.Ticks < long.MaxValue - now ? now + life.Ticks : 0; // who says TimeSpan.MaxValue means for ever
        var writer = Begin(schema, out var countAt);
        var count = 0;
        foreach (var record in records)
        {
            _records.Mapper.WriteUpsert(writer, schema, record ?? throw new ArgumentException("A record is null.", nameof(records)), expires, embedded?[count]);
            count++;
        }

        return CommitAsync("upsert", writer, countAt, count, cancellationToken);
    }

    private static ByteWriter Begin(CollectionSchema schema, out int countAt)
    {
        var writer = new ByteWriter(256 + schema.Vectors.Sum(VectorCodec.Bytes)); // what most records need
        writer.Byte((byte)OpCode.Write);
        writer.Int32(schema.Id);
        countAt = writer.Length;
        writer.Int32(0);
        return writer;
    }

    private Task CommitAsync(string name, ByteWriter writer, int countAt, int count, CancellationToken cancellationToken)
    {
        if (count == 0)
        {
            return Task.CompletedTask;
        }

        writer.SetInt32(countAt, count);
        return DatabaseOperation.IsListenedTo ? CommitListenedToAsync(name, writer, count, cancellationToken) : Engine.CommitAsync(writer.Memory, Handle, cancellationToken);
    }

    private async Task CommitListenedToAsync(string name, ByteWriter writer, int count, CancellationToken cancellationToken)
    {
        using var operation = DatabaseOperation.Begin(name, Name); // in here, so that it is not the caller's current span afterwards
        try
        {
            await Engine.CommitAsync(writer.Memory, Handle, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error) when (DatabaseOperation.Note(operation, error))
        {
            throw;
        }

        operation?.Written(count);
    }

    private TRecord Read(CollectionStore store, int slot, bool includeVectors)
    {
        var payload = store.Payload(slot);
        var key = RecordCodec.DecodeKey(store.Schema.Definition.Key, RecordCodec.Key(payload));
        var vectors = includeVectors ? new VectorBytes[store.Vectors.Length] : [];
        for (var i = 0; i < vectors.Length; i++)
        {
            vectors[i] = new VectorBytes(store.Vectors[i].Raw(slot));
        }

        return _records.Mapper.Create(store.Schema, key, RecordCodec.ReadValues(store.Schema, payload), vectors);
    }
}
