#pragma warning disable MA0048 // a part of VectorCollection<TKey, TRecord>
using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Abi.Database.Filters;
using Abi.Database.Indexes;
using Abi.Database.Records;
using Abi.Database.Rows;
using Abi.Database.Schema;
using Abi.Database.Telemetry;
using Abi.Database.Text;

namespace Abi.Database;

/// <content>Searching.</content>
public sealed partial class VectorCollection<TKey, TRecord>
{
    /// <summary>The records nearest to a vector, nearest first: min(top, those that match).</summary>
    /// <typeparam name="TVector">
    /// A type of vector that fits the field, such as <see cref="ReadOnlyMemory{T}"/> of <see cref="float"/>, its array, or <c>Embedding&lt;float&gt;</c>; or <see cref="string"/>: a text, which is
    /// embedded first.
    /// </typeparam>
    /// <exception cref="DatabaseException">A text is given and there is no generator, or it gives vectors of other dimensions.</exception>
    public async IAsyncEnumerable<VectorSearchResult<TRecord>> SearchAsync<TVector>(TVector vector, int top, VectorSearchOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        where TVector : notnull
    {
        options ??= new VectorSearchOptions();
        options.Validate(top);
        using var operation = DatabaseOperation.Begin("search", Name);
        var (field, query) = await DatabaseOperation.WatchAsync(operation, () => ToQueryAsync(options.VectorField, vector, cancellationToken)).ConfigureAwait(false);
        var store = Handle.Store;
        var index = IndexOf(store, field);
        var (place, view) = store.BeginRead();
        try
        {
            var nearest = DatabaseOperation.Watch(operation, () => Nearest(store, view, index, query, top, options));
            operation?.Found(nearest.Count);
            foreach (var (slot, distance) in nearest)
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return new VectorSearchResult<TRecord>(Read(store, slot, options.IncludeVectors), VectorSpace.Score(index.Field.DistanceFunction, distance));
            }
        }
        finally
        {
            store.EndRead(place);
        }
    }

    /// <summary>The keys of the records nearest to a vector, nearest first: what costs least.</summary>
    /// <param name="vector">The vector: for fields of float32 or float16 elements.</param>
    /// <param name="top">How many.</param>
    /// <param name="options">How to search.</param>
    public IReadOnlyList<KeyMatch<TKey>> SearchKeys(ReadOnlySpan<float> vector, int top, VectorSearchOptions? options = null)
    {
        options ??= new VectorSearchOptions();
        options.Validate(top);
        using var operation = DatabaseOperation.Begin("search", Name);
        try
        {
            var matches = Match(vector, top, options);
            operation?.Found(matches.Length);
            return matches;
        }
        catch (Exception error) when (DatabaseOperation.Note(operation, error))
        {
            throw;
        }
    }

    private KeyMatch<TKey>[] Match(ReadOnlySpan<float> vector, int top, VectorSearchOptions options)
    {
        var store = Handle.Store;
        var index = store.Vectors[store.Schema.VectorIndex(options.VectorField)];
        var query = index.Field.Element == VectorElement.Float32 ? MemoryMarshal.AsBytes(vector) : VectorCodec.Floats(index.Field, vector);
        VectorCodec.Check(index.Field, query);
        var (place, view) = store.BeginRead();
        try
        {
            var found = Best(store, view, index, query, top, options);
            var matches = new KeyMatch<TKey>[Math.Max(0, found.Count - options.Skip)];
            for (var i = 0; i < matches.Length; i++)
            {
                var item = found.Items[i + options.Skip];
                matches[i] = new KeyMatch<TKey>(Key(store, ScoredSlot.Slot(item)), VectorSpace.Score(index.Field.DistanceFunction, ScoredSlot.Distance(item)));
            }

            return matches;
        }
        finally
        {
            store.EndRead(place);
        }
    }

    /// <summary>The records that have words, by BM25, best first.</summary>
    /// <param name="query">The words: a text stands for any of them; see <see cref="TextQuery"/> for phrases and more.</param>
    /// <param name="top">How many.</param>
    /// <param name="options">How to search.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ArgumentException">No field is full-text indexed.</exception>
    public async IAsyncEnumerable<TextSearchResult<TRecord>> SearchTextAsync(TextQuery query, int top, TextSearchOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        options ??= new TextSearchOptions();
        options.Validate(top);
        await Task.CompletedTask.ConfigureAwait(false);
        using var operation = DatabaseOperation.Begin("search_text", Name);
        var store = DatabaseOperation.Watch(operation, () => Handle.Store);
        var (place, view) = store.BeginRead();
        try
        {
            var (fields, best) = DatabaseOperation.Watch(operation, () => ByText(store, view, options.Filter, options.Fields, options.Scoring, query, VectorSearchOptions.Wanted(top, options.Skip)));
            operation?.Found(Math.Max(0, best.Count - options.Skip));
            foreach (var (slot, score) in best.Skip(options.Skip))
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return new TextSearchResult<TRecord>(Read(store, slot, options.IncludeVectors), score) { Highlights = Highlights(store, slot, fields, query, options.Highlight) };
            }
        }
        finally
        {
            store.EndRead(place);
        }
    }

    /// <summary>The records that are near in meaning to a text, or have words of it, or both, best first: the text is embedded, and searched for by its words.</summary>
    /// <exception cref="DatabaseException">There is no generator, or it gives vectors of other dimensions.</exception>
    public IAsyncEnumerable<HybridSearchResult<TRecord>> HybridSearchAsync(string text, int top, HybridSearchOptions? options = null, CancellationToken cancellationToken = default) =>
        HybridSearchAsync(text, text, top, options, cancellationToken);

    /// <summary>The records that are near a vector (or a text that is embedded first), or have words of a text, or both, best first.</summary>
    public async IAsyncEnumerable<HybridSearchResult<TRecord>> HybridSearchAsync<TVector>(TVector vector, TextQuery words, int top, HybridSearchOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        where TVector : notnull
    {
        ArgumentNullException.ThrowIfNull(words);
        options ??= new HybridSearchOptions();
        var candidates = options.Validate(top);
        using var operation = DatabaseOperation.Begin("hybrid_search", Name);
        var (field, query) = await DatabaseOperation.WatchAsync(operation, () => ToQueryAsync(options.VectorField, vector, cancellationToken)).ConfigureAwait(false);
        var store = Handle.Store;
        var index = IndexOf(store, field);
        var (place, view) = store.BeginRead();
        try
        {
            var (fields, best) = DatabaseOperation.Watch(operation, () =>
            {
                var byVector = Nearest(store, view, index, query, candidates, new VectorSearchOptions { Filter = options.Filter })
                    .ConvertAll(item => (item.Slot, Score: VectorSpace.Score(index.Field.DistanceFunction, item.Distance)));
                var (fields, byText) = ByText(store, view, options.Filter, options.TextFields, options.TextScoring, words, candidates);
                return (fields, Fusion.Fuse(byVector, byText, index.Field.DistanceFunction, options).Skip(options.Skip).Take(top).ToList());
            });
            operation?.Found(best.Count);
            foreach (var fused in best)
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return new HybridSearchResult<TRecord>(Read(store, fused.Slot, options.IncludeVectors), fused.Score, fused.VectorScore, fused.TextScore) { Highlights = Highlights(store, fused.Slot, fields, words, options.Highlight) };
            }
        }
        finally
        {
            store.EndRead(place);
        }
    }

    private async Task<(VectorField Field, byte[] Query)> ToQueryAsync<TVector>(string? name, TVector vector, CancellationToken cancellationToken)
        where TVector : notnull
    {
        var schema = Handle.Store.Schema;
        var field = schema.Vectors[schema.VectorIndex(name)];
        return (field, await _records.ToQueryAsync(schema, field, vector, cancellationToken).ConfigureAwait(false));
    }

    // Embedding a text takes its time: a collection that is another one by now would be searched for a vector of other dimensions.
    private static VectorIndex IndexOf(CollectionStore store, VectorField field)
    {
        var index = store.Vectors[store.Schema.VectorIndex(field.Name)];
        return ReferenceEquals(index.Field, field) || index.Field == field
            ? index
            : throw new DatabaseException($"The collection '{store.Schema.Name}' was made anew while the search was being prepared, with another vector '{field.Name}'. Search again.");
    }

    private (List<TextIndex> Fields, List<(int Slot, double Score)> Best) ByText(CollectionStore store, CollectionView view, Filter? filter, IReadOnlyList<string> names, TextScoring scoring, TextQuery query, int count)
    {
        var visible = Filtered(store, view, null, filter, out _);
        var fields = TextFields(store, names);
        return (fields, new TextSearcher(Name, fields, scoring, visible, view.Slots).Search(query, count));
    }

    private static TKey Key(CollectionStore store, int slot)
    {
        var bytes = RecordCodec.Key(store.Payload(slot));
        if (typeof(TKey) == typeof(long))
        {
            return (TKey)(object)MemoryMarshal.Read<long>(bytes);
        }

        var key = RecordCodec.DecodeKey(store.Schema.Definition.Key, bytes);
        return key is TKey typed ? typed : (TKey)Convert.ChangeType(key, typeof(TKey), CultureInfo.InvariantCulture);
    }

    private VisibleSlots Filtered(CollectionStore store, CollectionView view, VectorIndex? index, Filter? filter, out int matches)
    {
        Engine.NoteSearch();
        var visible = store.Visible(view, store.HasExpiry ? Engine.Now : 0, index);
        if (filter is null)
        {
            matches = view.Live;
            return visible;
        }

        var bits = store.Select(filter, visible, view.Slots);
        matches = FilterBits.Count(bits);
        return visible with { Bits = bits };
    }

    private List<(int Slot, float Distance)> Nearest(CollectionStore store, CollectionView view, VectorIndex index, ReadOnlySpan<byte> query, int top, VectorSearchOptions options)
    {
        var best = Best(store, view, index, query, top, options);
        List<(int, float)> found = new(Math.Max(0, best.Count - options.Skip));
        for (var i = options.Skip; i < best.Count; i++)
        {
            found.Add((ScoredSlot.Slot(best.Items[i]), ScoredSlot.Distance(best.Items[i])));
        }

        return found;
    }

    private TopK Best(CollectionStore store, CollectionView view, VectorIndex index, ReadOnlySpan<byte> query, int top, VectorSearchOptions options)
    {
        var visible = Filtered(store, view, index, options.Filter, out var matches);
        return index.Search(query, VectorSearchOptions.Wanted(top, options.Skip), new SearchEffort(options.IsExact, options.Effort ?? 0, options.Recall ?? 0, Engine.ScanThreads), visible, view.Slots, matches);
    }

    private static ImmutableArray<TextHighlight> Highlights(CollectionStore store, int slot, List<TextIndex> fields, TextQuery query, HighlightOptions? options)
    {
        if (options is null)
        {
            return [];
        }

        var values = RecordCodec.ReadValues(store.Schema, store.Payload(slot));
        return [.. fields.SelectMany(field => values[store.Schema.DataIndex(field.Field.Name)] is string text ? TextHighlight.Find(field.Field, text, query, options) : [])];
    }

    private static List<TextIndex> TextFields(CollectionStore store, IReadOnlyList<string> names)
    {
        var fields = store.Schema.TextFields(names);
        return [.. store.TextIndexes.Where(index => fields.Contains(index.Field))];
    }
}
