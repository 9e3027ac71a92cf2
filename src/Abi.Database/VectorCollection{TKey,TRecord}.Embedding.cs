#pragma warning disable MA0048 // a part of VectorCollection<TKey, TRecord>
using Abi.Database.Records;
using Abi.Database.Rows;
using Abi.Database.Schema;

namespace Abi.Database;

/// <content>Vectors made of texts.</content>
public sealed partial class VectorCollection<TKey, TRecord>
{
    private async Task UpsertEmbeddedAsync(CollectionSchema schema, IEnumerable<TRecord> records, CancellationToken cancellationToken)
    {
        List<TRecord> all = [.. records];
        var embedded = await _records.EmbedAsync(schema, all, FindOutdated, cancellationToken).ConfigureAwait(false);
        await UpsertAsync(schema, all, embedded, cancellationToken).ConfigureAwait(false);
    }

    private ValueTask<bool[]> FindOutdated(int field, IReadOnlyList<GivenVector> given, CancellationToken cancellationToken)
    {
        var store = Handle.Store;
        var (place, view) = store.BeginRead();
        try
        {
            var visible = store.Visible(view, Engine.Now);
            return ValueTask.FromResult<bool[]>([.. given.Select(item => IsOutdated(store, store.Find(RecordCodec.EncodeKey(store.Schema.Definition.Key, item.Key), visible), field, item))]);
        }
        finally
        {
            store.EndRead(place);
        }
    }

    private static bool IsOutdated(CollectionStore store, int slot, int field, GivenVector given) =>
        slot >= 0 && store.Vectors[field].Raw(slot).AsSpan().SequenceEqual(given.Vector.Span)
        && !string.Equals(RecordCodec.ReadValues(store.Schema, store.Payload(slot))[store.Schema.DataIndex(store.Schema.Vectors[field].SourceField!)] as string, given.Text, StringComparison.Ordinal);
}
