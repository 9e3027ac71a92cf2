#pragma warning disable MA0048 // a part of VectorCollection<TKey, TRecord>
using Abi.Database.Embeddings;
using Abi.Database.Records;
using Abi.Database.Rows;
using Abi.Database.Schema;
using Microsoft.Extensions.AI;

namespace Abi.Database;

/// <content>Vectors made of texts.</content>
public sealed partial class VectorCollection<TKey, TRecord>
{
    private async Task UpsertEmbeddedAsync(CollectionSchema schema, IEnumerable<TRecord> records, CancellationToken cancellationToken)
    {
        List<TRecord> all = [.. records.Select(record => record ?? throw new ArgumentException("A record is null.", nameof(records)))];
        var embedded = new Dictionary<int, byte[]?>?[all.Count];
        for (var i = 0; i < schema.Vectors.Count; i++)
        {
            var field = schema.Vectors[i];
            if (field.SourceField is not { } source)
            {
                continue;
            }

            List<(int Record, string Text)> wanted = [];
            for (var record = 0; record < all.Count; record++)
            {
                var text = _mapper.GetData(all[record], schema, schema.DataIndex(source)) as string;
                var vector = VectorCodec.Encode(field, _mapper.GetVector(all[record], schema, i));
                if (vector is not null && !IsOutdated(schema, all[record], i, vector, text))
                {
                    continue;
                }

                (embedded[record] ??= [])[i] = null;
                if (!string.IsNullOrWhiteSpace(text))
                {
                    wanted.Add((record, text));
                }
            }

            if (wanted.Count == 0)
            {
                continue;
            }

            var embedder = _database.Embedder ?? throw new DatabaseException(
                $"The vector '{field.Name}' of the collection '{Name}' is made of the text '{source}', but the database has no embedding generator. "
                + $"Open it with one ({nameof(DatabaseOptions)}.{nameof(DatabaseOptions.WithEmbeddings)}, or AddDatabase().WithEmbeddings()), or give the vectors.");
            var vectors = await embedder.EmbedDocumentsAsync(field, [.. wanted.Select(item => item.Text)], cancellationToken).ConfigureAwait(false);
            for (var k = 0; k < vectors.Length; k++)
            {
                embedded[wanted[k].Record]![i] = EncodeEmbedding(field, vectors[k], wanted[k].Text);
            }
        }

        await UpsertAsync(schema, all, embedded).ConfigureAwait(false);
    }

    // A record that was read, given another text and written back still has the vector of its old text.
    private bool IsOutdated(CollectionSchema schema, TRecord record, int field, ReadOnlySpan<byte> vector, string? text)
    {
        if (_mapper.GetKey(record, schema) is not { } key)
        {
            return false;
        }

        var store = Handle.Store;
        var bytes = RecordCodec.EncodeKey(schema.Definition.Key, key);
        var (place, view) = store.BeginRead();
        try
        {
            var slot = store.Find(bytes, store.Visible(view, Engine.Now));
            return slot >= 0 && store.Vectors[field].Raw(slot).SequenceEqual(vector)
                && !string.Equals(RecordCodec.ReadValues(schema, store.Payload(slot))[schema.DataIndex(schema.Vectors[field].SourceField!)] as string, text, StringComparison.Ordinal);
        }
        finally
        {
            store.EndRead(place);
        }
    }

    private async Task<byte[]> ToQueryAsync(VectorField field, object vector, CancellationToken cancellationToken)
    {
        switch (vector)
        {
            case string text:
                ArgumentException.ThrowIfNullOrWhiteSpace(text, nameof(vector));
                var embedder = _database.Embedder ?? throw new DatabaseException(
                    $"The collection '{Name}' is to be searched for a text by the vector '{field.Name}', but the database has no embedding generator. "
                    + $"Open it with one ({nameof(DatabaseOptions)}.{nameof(DatabaseOptions.WithEmbeddings)}, or AddDatabase().WithEmbeddings()), search for a vector, or for words by {nameof(SearchTextAsync)}.");
                return EncodeEmbedding(field, await embedder.EmbedQueryAsync(field, text, cancellationToken).ConfigureAwait(false), text);
            case Embedding<float> embedding:
                return VectorCodec.Encode(field, embedding.Vector)!;
            default:
                return VectorCodec.Encode(field, vector)!;
        }
    }

    private byte[] EncodeEmbedding(VectorField field, ReadOnlyMemory<float> vector, string text)
    {
        try
        {
            return VectorCodec.Encode(field, vector)!;
        }
        catch (ArgumentException error)
        {
            throw new DatabaseException($"The embedding generator made no usable vector of '{(text.Length > 60 ? text[..60] + "…" : text)}' (collection '{Name}'): {error.Message}", error);
        }
    }
}
