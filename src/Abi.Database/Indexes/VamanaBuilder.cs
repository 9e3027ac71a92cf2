using System.Collections.Concurrent;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <summary>
/// Builds a Vamana graph (Jayaram Subramanya et al., "DiskANN", 2019, algorithms 1 to 3) in memory over codes, so that the vectors themselves are read once each, in no order that matters. Nodes go in by
/// batches that grow with the graph (Manohar et al., "ParlayANN: Scalable and Deterministic Parallel Graph-Based Approximate Nearest Neighbor Search Algorithms", 2024): all nodes of one look for
/// neighbours in the graph as it was before, so the outcome does not depend on threads.
/// </summary>
internal sealed unsafe class VamanaBuilder
{
    private const float Slack = 1.2f; // alpha: how much longer a way round may be, before a link is kept beside it
    private const int LargestBatch = 8192;
    private const int NodesPerBatch = 50; // nodes in the graph for each one of a batch

    private readonly ConcurrentBag<Worker> _workers = [];
    private readonly ProductQuantizer _quantizer;
    private readonly NativeColumn _codes;
    private readonly int _nodes;
    private readonly int _dimensions;
    private readonly int _most;
    private readonly int _room; // while nodes are inserted, a node has room for more links, and chooses among them only when all of that is taken
    private readonly int _effort;
    private int _linked;
    private bool _isChanged; // links were chosen: what there was before leads everywhere already

    /// <param name="quantizer">What the codes mean.</param>
    /// <param name="codes">A code a node.</param>
    /// <param name="dimensions">The elements of a vector.</param>
    /// <param name="nodes">All nodes are below this.</param>
    /// <param name="links">R: the links of a node, at most; up to 256.</param>
    /// <param name="effort">L: how many candidates a node's own walk keeps.</param>
    public VamanaBuilder(ProductQuantizer quantizer, NativeColumn codes, int dimensions, int nodes, int links, int effort)
    {
        (_quantizer, _codes, _dimensions, _nodes, _most, _room, _effort) = (quantizer, codes, dimensions, nodes, links, links + Math.Max(1, links / 4), effort);
        Links = new NativeColumn(_room * sizeof(int));
        Links.Grow(Math.Max(nodes, 1));
        for (var node = 0; node < nodes; node++)
        {
            RoomOf(node).Fill(-1);
        }
    }

    /// <summary>Gives a node's vector: float [dimensions].</summary>
    public delegate void VectorReader(int node, Span<float> vector);

    /// <summary>int [R] a node, -1 behind the last; a row is longer than that.</summary>
    public NativeColumn Links { get; }

    /// <summary>The node where walks begin, or -1.</summary>
    public int Entry { get; private set; } = -1;

    /// <summary>Takes nodes over that have their links already.</summary>
    public void Begin(int entry, int linked) => (Entry, _linked) = (entry, linked);

    /// <summary>Sets the links of a node to those of the candidates that lead into different directions.</summary>
    public void Choose(int node, ReadOnlySpan<int> candidates)
    {
        _isChanged = true;
        var worker = Rent();
        ChooseAmong(worker, node, candidates);
        _workers.Add(worker);
    }

    /// <summary>Links nodes.</summary>
    /// <param name="nodes">Which; those near one another should not follow one another.</param>
    /// <param name="read">Gives their vectors; called by several threads.</param>
    /// <param name="threads">How many threads to use.</param>
    public void Insert(ReadOnlyMemory<int> nodes, VectorReader read, int threads)
    {
        _isChanged |= nodes.Length > 0;
        if (!_isChanged)
        {
            return;
        }

        var degree = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(threads, 1) };
        if (Entry < 0 && nodes.Length > 0)
        {
            Begin(nodes.Span[0], 1);
            nodes = nodes[1..];
        }

        while (nodes.Length > 0)
        {
            var batch = nodes[..Math.Min(nodes.Length, Math.Clamp(_linked / NodesPerBatch, 1, LargestBatch))];
            Parallel.For(0, batch.Length, degree, Rent, (i, _, worker) =>
            {
                FindLinks(worker, batch.Span[i], read);
                return worker;
            }, _workers.Add);
            LinkBack(batch.Span, degree);
            _linked += batch.Length;
            nodes = nodes[batch.Length..];
        }

        ChooseAmongTooMany(degree);
        LinkCopies();
        LinkUnreached();
    }

    // Of the links to nodes of one code pruning keeps one, and a walk that comes to that one would find no other. So each leads to the first of them, and gets a link from it or from one before; a quarter
    // of a node's links is for those.
    private void LinkCopies()
    {
        int[] order = [.. Enumerable.Range(0, _nodes).Where(node => node == Entry || LinksOf(node)[0] >= 0)];
        Array.Sort(order, (a, b) => CodeOf(a).SequenceCompareTo(CodeOf(b)) is not 0 and var sign ? sign : a.CompareTo(b));
        var most = Math.Max(1, _most / 4);
        var first = 0;
        for (var i = 1; i < order.Length; i++)
        {
            var (node, root) = (order[i], order[first]);
            if (!CodeOf(node).SequenceEqual(CodeOf(root)))
            {
                first = i;
                continue;
            }

            if (!LinksOf(node).Contains(root) && !TryAppend(node, root))
            {
                LinksOf(node)[0] = root;
            }

            var nth = (i - first - 1) / most;
            var host = LinksOf(order[first + nth]);
            if (!host.Contains(node) && !TryAppend(order[first + nth], node))
            {
                var siblings = order.AsSpan(first + 1 + (nth * most), Math.Min(most, order.Length - first - 1 - (nth * most)));
                var place = host.Length - 1; // the farthest goes
                while (place > 0 && siblings.Contains(host[place])) // a list from a file may name one of them again and again
                {
                    place--;
                }

                host[place] = node;
            }
        }
    }

    private ReadOnlySpan<byte> CodeOf(int node) => new(_codes.Row(node), _codes.Stride);

    // Pruning may take the last link to a node: it gets one from the first that is reached and has room, of those that it leads to and those that they lead to. Without such a one it stays unreached. What
    // leads to others that get theirs later is looked at in another round; chains of many are in made-up files only.
    private void LinkUnreached()
    {
        const int Rounds = 16;
        if (Entry < 0)
        {
            return;
        }

        var isReached = new bool[_nodes];
        var open = new Stack<int>();
        Reach(Entry, isReached, open);
        var any = true;
        for (var round = 0; any && round < Rounds; round++)
        {
            any = false;
            for (var node = 0; node < _nodes; node++)
            {
                if (!isReached[node] && LinksOf(node)[0] >= 0 && FindHost(node, isReached) is var host and >= 0)
                {
                    TryAppend(host, node);
                    Reach(node, isReached, open);
                    any = true;
                }
            }
        }
    }

    private int FindHost(int node, bool[] isReached)
    {
        foreach (var link in LinksOf(node))
        {
            if (link >= 0 && isReached[link])
            {
                foreach (var host in (ReadOnlySpan<int>)[link, .. LinksOf(link)])
                {
                    if (host >= 0 && isReached[host] && LinksOf(host)[^1] < 0)
                    {
                        return host;
                    }
                }
            }
        }

        return -1;
    }

    private void Reach(int node, bool[] isReached, Stack<int> open)
    {
        isReached[node] = true;
        open.Push(node);
        while (open.TryPop(out node))
        {
            foreach (var link in LinksOf(node))
            {
                if (link < 0)
                {
                    break;
                }

                if (!isReached[link])
                {
                    isReached[link] = true;
                    open.Push(link);
                }
            }
        }
    }

    private bool TryAppend(int node, int link)
    {
        var links = LinksOf(node);
        var count = links.IndexOf(-1);
        if (count >= 0)
        {
            links[count] = link;
        }

        return count >= 0;
    }

    private Span<int> LinksOf(int node) => new(Links.Row(node), _most);

    private Span<int> RoomOf(int node) => new(Links.Row(node), _room);

    private Worker Rent() => _workers.TryTake(out var worker) ? worker : new Worker(_dimensions, _quantizer.TableLength);

    private void FindLinks(Worker worker, int node, VectorReader read)
    {
        read(node, worker.Vector);
        worker.Candidates.Clear();
        worker.Walk.Begin(_nodes, _effort);
        var nodes = new Nodes(Links, worker.Candidates);
        fixed (float* vector = worker.Vector, table = worker.Table)
        {
            _quantizer.Compare(vector, worker.Table, isDot: false);
            CodeWalk.Run(ref nodes, _codes, table, Entry, _nodes, _room, _effort, 1, worker.Walk);
        }

        // By the same measure as between candidates.
        var met = CollectionsMarshal.AsSpan(worker.Candidates);
        for (var i = 0; i < met.Length; i++)
        {
            var slot = ScoredSlot.Slot(met[i]);
            met[i] = ScoredSlot.Pack(Distance(worker, slot, i), slot);
        }

        Prune(worker, node);
    }

    // Every node that was linked to gets a link back, and chooses anew when it has no room for it.
    private void LinkBack(ReadOnlySpan<int> batch, ParallelOptions degree)
    {
        List<ulong> back = [];
        foreach (var node in batch)
        {
            foreach (var link in LinksOf(node))
            {
                if (link < 0)
                {
                    break;
                }

                back.Add(((ulong)link << 32) | (uint)node);
            }
        }

        back.Sort();
        List<(int From, int To)> groups = [];
        for (var i = 0; i < back.Count;)
        {
            var from = i;
            for (; i < back.Count && back[i] >> 32 == back[from] >> 32; i++)
            {
            }

            groups.Add((from, i));
        }

        Parallel.ForEach(Partitioner.Create(0, groups.Count + 1), degree, range =>
        {
            var worker = Rent();
            for (var i = range.Item1; i < Math.Min(range.Item2, groups.Count); i++)
            {
                AddLinks(worker, CollectionsMarshal.AsSpan(back)[groups[i].From..groups[i].To]);
            }

            _workers.Add(worker);
        });
    }

    private void AddLinks(Worker worker, ReadOnlySpan<ulong> back)
    {
        var node = (int)(back[0] >> 32);
        var links = RoomOf(node);
        var count = links.IndexOf(-1);
        count = count < 0 ? _room : count;
        if (count + back.Length <= _room)
        {
            foreach (var item in back)
            {
                links[count++] = (int)item;
            }

            return;
        }

        var all = worker.Neighbours;
        all.Clear();
        all.AddRange(links[..count]);
        foreach (var item in back)
        {
            all.Add((int)item);
        }

        ChooseAmong(worker, node, CollectionsMarshal.AsSpan(all));
    }

    // What was left to be chosen when there is no room any more.
    private void ChooseAmongTooMany(ParallelOptions degree) =>
        Parallel.ForEach(Partitioner.Create(0, _nodes + 1), degree, range =>
        {
            var worker = Rent();
            for (var node = range.Item1; node < Math.Min(range.Item2, _nodes); node++)
            {
                if (RoomOf(node)[_most] >= 0)
                {
                    var count = RoomOf(node).IndexOf(-1);
                    ChooseAmong(worker, node, RoomOf(node)[..(count < 0 ? _room : count)]);
                }
            }

            _workers.Add(worker);
        });

    private void ChooseAmong(Worker worker, int node, ReadOnlySpan<int> candidates)
    {
        worker.Candidates.Clear();
        _quantizer.Decode(_codes.Row(node), worker.Vector);
        Score(worker, node, candidates);
        Prune(worker, node);
    }

    private void Score(Worker worker, int node, ReadOnlySpan<int> candidates)
    {
        foreach (var candidate in candidates)
        {
            if (candidate != node)
            {
                worker.Candidates.Add(ScoredSlot.Pack(Distance(worker, candidate, worker.Candidates.Count), candidate));
            }
        }
    }

    // RobustPrune: the nearest candidate is kept, and those go that it leads to; again and again.
    private void Prune(Worker worker, int node)
    {
        var candidates = CollectionsMarshal.AsSpan(worker.Candidates);
        var order = worker.Order(candidates.Length);
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        worker.Keys(candidates).Sort(order);
        RoomOf(node).Fill(-1);
        var links = LinksOf(node);
        Span<int> kept = stackalloc int[_most];
        var count = 0;
        foreach (var at in order)
        {
            var slot = ScoredSlot.Slot(candidates[at]);
            var reach = ScoredSlot.Distance(candidates[at]);
            var vector = worker.VectorOf(at);
            var isKept = slot != node;
            for (var i = 0; i < count && isKept; i++)
            {
                isKept = slot != links[i] && Slack * TensorPrimitives.Distance(vector, worker.VectorOf(kept[i])) > reach;
            }

            if (isKept)
            {
                kept[count] = at;
                links[count++] = slot;
                if (count == _most)
                {
                    return;
                }
            }
        }
    }

    // Between the worker's vector and a code's, which is kept at a place.
    private float Distance(Worker worker, int slot, int place)
    {
        var vector = worker.VectorOf(place);
        _quantizer.Decode(_codes.Row(slot), vector);
        return TensorPrimitives.Distance(worker.Vector, vector);
    }

    private readonly struct Nodes(NativeColumn links, List<ulong> met) : ICodeNodes
    {
        public void Ask(ReadOnlySpan<ulong> items)
        {
            // all in memory
        }

        public int* Meet(ulong item)
        {
            met.Add(item);
            return (int*)links.Row(ScoredSlot.Slot(item));
        }
    }

    /// <summary>What one thread needs.</summary>
    private sealed class Worker(int dimensions, int tableLength)
    {
        private float[] _vectors = [];
        private int[] _order = [];
        private ulong[] _keys = [];

        public WalkState Walk { get; } = new();

        public float[] Vector { get; } = new float[dimensions];

        public float[] Table { get; } = new float[tableLength];

        public List<ulong> Candidates { get; } = [];

        public List<int> Neighbours { get; } = [];

        /// <summary>The vector of the candidate at a place: float [dimensions].</summary>
        public Span<float> VectorOf(int place)
        {
            if ((place + 1) * dimensions > _vectors.Length)
            {
                Array.Resize(ref _vectors, Math.Max(256, 2 * (place + 1)) * dimensions);
            }

            return _vectors.AsSpan(place * dimensions, dimensions);
        }

        public Span<int> Order(int count)
        {
            if (count > _order.Length)
            {
                _order = new int[2 * count];
            }

            return _order.AsSpan(0, count);
        }

        public Span<ulong> Keys(ReadOnlySpan<ulong> candidates)
        {
            if (candidates.Length > _keys.Length)
            {
                _keys = new ulong[2 * candidates.Length];
            }

            candidates.CopyTo(_keys);
            return _keys.AsSpan(0, candidates.Length);
        }
    }
}
