using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using Abi.Database.Engine;
using Abi.Database.Rows;
using Abi.Database.Storage;

namespace Abi.Database.Indexes;

/// <summary>
/// A Vamana graph in a mapped file (Jayaram Subramanya et al., "DiskANN", 2019): a walk goes by product-quantized codes in memory, reads a page for every node that it meets, and compares the vector that
/// stands there beside the links exactly. What came since the file was written is in a graph in memory beside it, and is found together with it (Singh et al., "FreshDiskANN", 2021); what was deleted
/// since stays a way, and goes when the next checkpoint writes the file anew.
/// </summary>
internal sealed unsafe class DiskGraph : NearIndex
{
    /// <summary>Nodes that a walk reads together.</summary>
    private const int Beam = 4;

    private const int AskedAfterSlowRead = 1024;

    private static readonly long SlowRead = Stopwatch.Frequency / 50_000; // 20 µs: the page came from the disk

    private readonly ConcurrentBag<WalkState> _walks = [];
    private readonly VectorField _field;
    private readonly VectorSpace _space;
    private readonly NativeColumn _rows;
    private readonly EuclideanForm _form;
    private readonly DiskNodes _nodes;
    private readonly DiskNodeLayout _layout;
    private HnswGraph? _fresh;
    private int _asked; // nodes to be asked for before they are read, since a page had to come from the disk a while ago; any thread's guess will do

    /// <param name="field">The field.</param>
    /// <param name="space">Its space.</param>
    /// <param name="rows">The field's rows: of what is inserted from now on.</param>
    /// <param name="content">What was saved.</param>
    /// <param name="slots">The slots below this are nodes, as far as they have vectors.</param>
    /// <param name="count">How many have.</param>
    /// <param name="nodes">The nodes.</param>
    public DiskGraph(VectorField field, VectorSpace space, NativeColumn rows, DiskGraphContent content, int slots, int count, DiskNodes nodes)
    {
        (_field, _space, _rows, Content, Slots, Nodes, _nodes) = (field, space, rows, content, slots, count, nodes);
        _form = new EuclideanForm(space, field.DistanceFunction, content.Longest);
        _layout = new DiskNodeLayout(space.RowBytes, content.Links);
        if (nodes.Address != null)
        {
            LibC.AdviseRandom((nint)nodes.Address, (nint)_layout.BytesFor(slots));
        }
    }

    public override IndexKind Kind => IndexKind.DiskAnn;

    public override int Count => Nodes + (Volatile.Read(ref _fresh)?.Count ?? 0);

    /// <summary>Codes, entry and the like.</summary>
    public DiskGraphContent Content { get; }

    /// <summary>The slots in the file.</summary>
    public int Nodes { get; }

    /// <summary>The slots below this stay as they are until the file is written anew.</summary>
    public int Slots { get; }

    public override long ResidentBytes => Content.Codes.OwnedBytes + (Volatile.Read(ref _fresh)?.ResidentBytes ?? 0) + _walks.Sum(walk => walk.Bytes);

    public override bool IsFixed(int slot) => slot < Slots;

    /// <summary>A node's links, -1 behind the last: int [links].</summary>
    public int[] Links(int slot)
    {
        var links = new int[Content.Links];
        fixed (int* buffer = links)
        {
            new ReadOnlySpan<int>(_nodes.At(_layout.Offset(slot) + _space.RowBytes, (byte*)buffer, links.Length * sizeof(int)), links.Length).CopyTo(links);
        }

        return links;
    }

    public override int Search(byte* query, int effort, Span<ulong> found, int hidden = -1)
    {
        var best = new CandidateHeap(found[..effort]);
        if (Nodes > 0)
        {
            SearchNodes(query, effort, ref best, hidden);
        }

        if (Volatile.Read(ref _fresh) is { Count: > 0 } fresh)
        {
            var rented = ArrayPool<ulong>.Shared.Rent(effort);
            foreach (var item in rented.AsSpan(0, fresh.Search(query, effort, rented, hidden)))
            {
                var slot = ScoredSlot.Slot(item);
                best.Offer(_space.Distance(query, _rows.Row(slot)), slot);
            }

            ArrayPool<ulong>.Shared.Return(rented);
        }

        found[..best.Count].Sort();
        GC.KeepAlive(this);
        return best.Count;
    }

    public override void Insert(IReadOnlyList<int> slots, int threads, WriteAdmission admission)
    {
        if (slots.Count > 0)
        {
            var fresh = _fresh ?? _space.CreateGraph(_rows, _field.Connections, _field.ConstructionEffort);
            fresh.Insert(slots, threads, admission);
            Volatile.Write(ref _fresh, fresh);
        }
    }

    public override void Remove(bool[] isRemoved, Func<int, bool> isLinked, int slots, int threads, WriteAdmission admission) =>
        _fresh?.Remove(isRemoved, slot => !IsFixed(slot) && isLinked(slot), slots, threads, admission);

    private void SearchNodes(byte* query, int effort, ref CandidateHeap best, int hidden)
    {
        if (!_walks.TryTake(out var walk))
        {
            walk = new WalkState();
        }

        walk.Begin(Slots, effort);
        if (hidden >= 0 && hidden < Slots)
        {
            walk.Visited[hidden] = walk.Stamp;
        }

        var vector = ArrayPool<float>.Shared.Rent(_form.Dimensions);
        var table = ArrayPool<float>.Shared.Rent(Content.Quantizer.TableLength);
        _form.Query(new ReadOnlySpan<float>(query, _space.Dimensions), vector.AsSpan(0, _form.Dimensions)); // the query's floats come first
        var buffer = _nodes.Address == null ? new QueryBuffer(_layout.NodeBytes) : null; // the thread's own has the query
        var nodes = new WalkedNodes(this, query, buffer is null ? null : buffer.Address, best, hidden);
        fixed (float* from = vector, distances = table)
        {
            Content.Quantizer.Compare(from, table, isDot: false);
            CodeWalk.Run(ref nodes, Content.Codes, distances, Content.Entry, Slots, Content.Links, effort, Beam, walk);
        }

        GC.KeepAlive(buffer);
        best = nodes.Best;
        ArrayPool<float>.Shared.Return(vector);
        ArrayPool<float>.Shared.Return(table);
        _walks.Add(walk);
    }

    private ref struct WalkedNodes(DiskGraph graph, byte* query, byte* buffer, CandidateHeap best, int hidden) : ICodeNodes
    {
        private readonly byte* _query = query;
        private readonly byte* _buffer = buffer; // [NodeBytes], for nodes that have no address

        public CandidateHeap Best = best;

        // A call of the system for each page costs less than waiting for one after another, but more than pages that are there: it is made only while some are not.
        public readonly void Ask(ReadOnlySpan<ulong> items)
        {
            if (graph._asked <= 0 || graph._nodes.Address == null)
            {
                return;
            }

            foreach (var item in items)
            {
                LibC.AdviseNeeded((nint)(graph._nodes.Address + graph._layout.Offset(ScoredSlot.Slot(item))), graph._layout.NodeBytes);
            }
        }

        public int* Meet(ulong item)
        {
            var slot = ScoredSlot.Slot(item);
            var begin = Stopwatch.GetTimestamp();
            var node = graph._nodes.At(graph._layout.Offset(slot), _buffer, graph._layout.NodeBytes);
            var distance = graph._space.Distance(_query, node);
            graph._asked = Stopwatch.GetTimestamp() - begin > SlowRead ? AskedAfterSlowRead : Math.Max(0, graph._asked - 1);
            if (slot != hidden)
            {
                Best.Offer(distance, slot);
            }

            return (int*)(node + graph._space.RowBytes);
        }
    }
}
