using System.Linq.Expressions;
using Abi.Database.Embeddings;
using Abi.Database.Filters;
using Abi.Database.Rows;
using Abi.Database.Schema;
using Abi.Database.Storage;
using Microsoft.Extensions.AI;

namespace Abi.Database.Records;

/// <summary>Records on their way into a store and out of it, and queries on their way in: checked, converted, their texts embedded. The same for every store.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class RecordConverter<TRecord>
    where TRecord : class
{
    private readonly TextEmbedder? _embedder;

    internal RecordConverter(RecordMapper<TRecord> mapper, TextEmbedder? embedder) => (Mapper, _embedder) = (mapper, embedder);

    /// <summary>What the record type says of the collection; null when it says nothing.</summary>
    public CollectionDefinition? Definition => Mapper.Definition;

    internal RecordMapper<TRecord> Mapper { get; }

    /// <summary>The definition that a collection is made by: its own, or what the record type says of it. Null when neither is there.</summary>
    /// <typeparam name="TKey">What its keys are given as.</typeparam>
    /// <param name="collection">Its name.</param>
    /// <param name="own">Its own definition, if it has one.</param>
    /// <exception cref="ArgumentException">The keys of that definition are of another type.</exception>
    public CollectionDefinition? DefinitionFor<TKey>(string collection, CollectionDefinition? own)
    {
        var definition = own ?? Definition;
        if (definition is not null && !RecordCodec.KeyTypes(definition.Key).Exists(typeof(TKey).IsAssignableFrom))
        {
            throw new ArgumentException(
                $"The collection '{collection}' was asked for with keys of the type {typeof(TKey).Name}, but the keys of {(own is null ? typeof(TRecord).Name : "its definition")} are {definition.Key}. "
                + $"Ask for GetCollection<{RecordCodec.KeyTypes(definition.Key)[0].Name}, {typeof(TRecord).Name}>.");
        }

        return definition;
    }

    /// <summary>A condition on records as a filter.</summary>
    /// <exception cref="ArgumentException">The condition has a form that no filter has.</exception>
    public Filter Where(Expression<Func<TRecord, bool>> condition)
    {
        ArgumentNullException.ThrowIfNull(condition);
        return Filter.Where(condition, Mapper.FieldOf);
    }

    /// <summary>A key as it is stored: a <see cref="string"/>, a <see cref="Guid"/> or a <see cref="long"/>.</summary>
    /// <exception cref="ArgumentException">It is no key of the collection.</exception>
    public object ToKey(CollectionSchema schema, object key)
    {
        ArgumentNullException.ThrowIfNull(schema);
        return RecordCodec.DecodeKey(schema.Definition.Key, RecordCodec.EncodeKey(schema.Definition.Key, key));
    }

    /// <summary>Records as they are stored, in their order, with the vectors that are made of their texts.</summary>
    /// <param name="schema">The collection's.</param>
    /// <param name="records">The records.</param>
    /// <param name="outdated">Finds the vectors that are to be made anew.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ArgumentException">A record does not fit the collection.</exception>
    /// <exception cref="DatabaseException">A text cannot be embedded.</exception>
    public async Task<IReadOnlyList<RecordValues>> ToValuesAsync(CollectionSchema schema, IEnumerable<TRecord> records, OutdatedVectors outdated, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(schema);
        List<TRecord> all = [.. records];
        var embedded = await EmbedAsync(schema, all, outdated, cancellationToken).ConfigureAwait(false);
        List<RecordValues> values = new(all.Count);
        var writer = new ByteWriter();
        for (var i = 0; i < all.Count; i++)
        {
            // Through the bytes of the log, so that exactly what fits there fits here.
            writer.Clear();
            Mapper.WriteUpsert(writer, schema, all[i], expires: 0, embedded?[i]);
            values.Add(Read(schema, writer.Span));
        }

        return values;
    }

    /// <summary>A record made of what is stored.</summary>
    public TRecord ToRecord(CollectionSchema schema, RecordValues values)
    {
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(values);
        return Mapper.Create(schema, values.Key, values.Data, Array.ConvertAll(values.Vectors, vector => new VectorBytes(vector)));
    }

    /// <summary>The bytes of a vector to search for, or of the one that a text becomes.</summary>
    /// <exception cref="ArgumentException">It does not fit the field.</exception>
    /// <exception cref="DatabaseException">A text cannot be embedded.</exception>
    public async Task<byte[]> ToQueryAsync(CollectionSchema schema, VectorField field, object vector, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(field);
        switch (vector)
        {
            case string text:
                ArgumentException.ThrowIfNullOrWhiteSpace(text, nameof(vector));
                var embedder = _embedder ?? throw new DatabaseException(
                    $"The collection '{schema.Name}' is to be searched for a text by the vector '{field.Name}', but the database has no embedding generator. "
                    + $"Open it with one ({nameof(DatabaseOptions.WithEmbeddings)}), search for a vector, or for words by {nameof(IVectorCollection<,>.SearchTextAsync)}.")
                {
                    Remedy = nameof(DatabaseOptions.WithEmbeddings),
                };
                return Encode(schema, field, await embedder.EmbedQueryAsync(field, text, cancellationToken).ConfigureAwait(false), text);
            case Embedding<float> embedding:
                return VectorCodec.Encode(field, embedding.Vector)!;
            default:
                return VectorCodec.Encode(field, vector)!;
        }
    }

    /// <summary>The vectors that replace those of the records: by record, by vector field. Null when there are none.</summary>
    internal async Task<Dictionary<int, byte[]?>?[]?> EmbedAsync(CollectionSchema schema, List<TRecord> records, OutdatedVectors outdated, CancellationToken cancellationToken)
    {
        if (records.Contains(null!))
        {
            throw new ArgumentException("A record is null.", nameof(records));
        }

        if (!schema.HasSources)
        {
            return null;
        }

        var embedded = new Dictionary<int, byte[]?>?[records.Count];
        for (var i = 0; i < schema.Vectors.Count; i++)
        {
            if (schema.Vectors[i].SourceField is not null)
            {
                await EmbedAsync(schema, records, i, embedded, outdated, cancellationToken).ConfigureAwait(false);
            }
        }

        return embedded;
    }

    private async Task EmbedAsync(CollectionSchema schema, List<TRecord> records, int at, Dictionary<int, byte[]?>?[] embedded, OutdatedVectors outdated, CancellationToken cancellationToken)
    {
        var field = schema.Vectors[at];
        List<(int Record, string Text)> wanted = [];
        foreach (var (record, text) in await WithoutVectorAsync(schema, records, at, outdated, cancellationToken).ConfigureAwait(false))
        {
            (embedded[record] ??= [])[at] = null;
            if (!string.IsNullOrWhiteSpace(text))
            {
                wanted.Add((record, text));
            }
        }

        if (wanted.Count == 0)
        {
            return;
        }

        var embedder = _embedder ?? throw new DatabaseException(
            $"The vector '{field.Name}' of the collection '{schema.Name}' is made of the text '{field.SourceField}', but the database has no embedding generator. "
            + $"Open it with one ({nameof(DatabaseOptions.WithEmbeddings)}), or give the vectors.")
            {
                Remedy = nameof(DatabaseOptions.WithEmbeddings),
            };
        var vectors = await embedder.EmbedDocumentsAsync(field, [.. wanted.Select(item => item.Text)], cancellationToken).ConfigureAwait(false);
        for (var k = 0; k < vectors.Length; k++)
        {
            embedded[wanted[k].Record]![at] = Encode(schema, field, vectors[k], wanted[k].Text);
        }
    }

    // The records that came without a vector, in their order, and those that were read, given another text and still have the vector of the old one.
    private async Task<IEnumerable<(int Record, string? Text)>> WithoutVectorAsync(CollectionSchema schema, List<TRecord> records, int at, OutdatedVectors outdated, CancellationToken cancellationToken)
    {
        var source = schema.DataIndex(schema.Vectors[at].SourceField!);
        SortedDictionary<int, string?> without = [];
        List<(int Record, GivenVector Vector)> given = [];
        for (var record = 0; record < records.Count; record++)
        {
            var text = Mapper.GetData(records[record], schema, source) as string;
            if (VectorCodec.Encode(schema.Vectors[at], Mapper.GetVector(records[record], schema, at)) is not { } vector)
            {
                without[record] = text;
            }
            else if (Mapper.GetKey(records[record], schema) is { } key)
            {
                given.Add((record, new GivenVector(ToKey(schema, key), vector, text)));
            }
        }

        if (given.Count > 0)
        {
            var isOutdated = await outdated(at, [.. given.Select(item => item.Vector)], cancellationToken).ConfigureAwait(false);
            for (var k = 0; k < given.Count; k++)
            {
                if (isOutdated[k])
                {
                    without[given[k].Record] = given[k].Vector.Text;
                }
            }
        }

        return without.Select(item => (item.Key, item.Value));
    }

    private static RecordValues Read(CollectionSchema schema, ReadOnlySpan<byte> upsert)
    {
        var reader = new ByteReader(upsert);
        reader.Byte();  // the operation
        reader.Int64(); // when it expires
        var payload = reader.Block();
        var vectors = new ReadOnlyMemory<byte>[schema.Vectors.Count];
        for (var i = 0; i < vectors.Length; i++)
        {
            vectors[i] = reader.Byte() == 0 ? default : reader.Bytes(VectorCodec.Bytes(schema.Vectors[i])).ToArray();
        }

        return new RecordValues(RecordCodec.DecodeKey(schema.Definition.Key, RecordCodec.Key(payload)), RecordCodec.ReadValues(schema, payload), vectors);
    }

    private static byte[] Encode(CollectionSchema schema, VectorField field, ReadOnlyMemory<float> vector, string text)
    {
        try
        {
            return VectorCodec.Encode(field, vector)!;
        }
        catch (ArgumentException error)
        {
            throw new DatabaseException($"The embedding generator made no usable vector of '{(text.Length > 60 ? text[..60] + "…" : text)}' (collection '{schema.Name}'): {error.Message}", error);
        }
    }
}
