using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Abi.Compute.Distances;
using Abi.Database.Engine;
using Abi.Database.Indexes;
using Abi.Database.Rows;

namespace Abi.Database.Tests.Indexes;

/// <summary>The graph by itself, over vectors that are hard to keep connected: copies of one another, and what mass deletions leave.</summary>
[Parallelizable]
public sealed unsafe class HnswGraphTests : WordsFixture
{
    private const int Others = 1000;

    public enum Order
    {
        CopiesFirst,
        CopiesLast,
        Mixed,
    }

    /// <summary>A walk does not get lost among thousands of copies of one vector, every one of which can be found.</summary>
    [Test]
    public void CopiesOfAVectorHideNothing([Values] Order order, [Values(DistanceFunction.CosineSimilarity, DistanceFunction.EuclideanSquaredDistance)] DistanceFunction function, [Values] bool isHalfRemoved)
    {
        const int Copies = 5000;
        var vectors = Enumerable.Range(0, Others + Copies).Select(row => Base.AsMemory(Math.Min(row, Others) * 100, 100)).ToArray();
        var slots = Enumerable.Range(0, vectors.Length).ToArray();
        if (order == Order.CopiesFirst)
        {
            Array.Reverse(slots);
        }
        else if (order == Order.Mixed)
        {
            new Random(1).Shuffle(slots);
        }

        var space = VectorSpace.Of(new VectorField("v", 100) { DistanceFunction = function });
        var (graph, rows) = Build(space, vectors, slots);
        var isRemoved = new bool[NativeColumn.ChunkSlots];
        if (isHalfRemoved)
        {
            isRemoved.AsSpan(Others, Copies / 2).Fill(true);
            graph.Remove(isRemoved, slot => slot < vectors.Length, vectors.Length, 1, new WriteAdmission(1));
        }

        var missed = Enumerable.Range(0, Others).Where(slot => !Search(graph, space, vectors[slot], 64).Contains(slot)).ToList();
        Assert.That(missed, Has.Count.LessThanOrEqualTo(Others / 50));
        var copies = Search(graph, space, vectors[Others], 500).Count(slot => slot >= Others && !isRemoved[slot]);
        Assert.That(copies, Is.EqualTo(500));
        Assert.That(Reached(graph), Has.Count.GreaterThanOrEqualTo(graph.Count * 0.99));
        GC.KeepAlive(rows);
    }

    /// <summary>Nor among thousands that are so near one another that the graph cannot tell them apart.</summary>
    /// <param name="noise">By how much the elements differ; 0 for one direction and other lengths.</param>
    [TestCase(0, DistanceFunction.CosineSimilarity, false)]
    [TestCase(0, DistanceFunction.CosineSimilarity, true)]
    [TestCase(1e-6f, DistanceFunction.CosineSimilarity, false)]
    [TestCase(1e-6f, DistanceFunction.EuclideanSquaredDistance, false)]
    [TestCase(1e-6f, DistanceFunction.EuclideanSquaredDistance, true)]
    [TestCase(1e-6f, DistanceFunction.DotProductSimilarity, false)]
    [TestCase(1e-3f, DistanceFunction.CosineSimilarity, false)]
    [TestCase(1e-3f, DistanceFunction.CosineSimilarity, true)]
    [TestCase(1e-3f, DistanceFunction.EuclideanSquaredDistance, false)]
    [TestCase(1e-3f, DistanceFunction.DotProductSimilarity, true)]
    [TestCase(1e-2f, DistanceFunction.CosineSimilarity, false)]
    public void NearCopiesHideNothing(float noise, DistanceFunction function, bool isQuantized)
    {
        const int Copies = 5000;
        var random = new Random(5);
        var vectors = Enumerable.Range(0, Others + Copies).Select(row =>
        {
            var vector = Base.AsSpan(Math.Min(row, Others) * 100, 100).ToArray();
            var length = noise == 0 ? 0.5f + random.NextSingle() : function == DistanceFunction.DotProductSimilarity ? 1 / TensorPrimitives.Norm<float>(vector) : 1;
            return vector.Select(x => x * length * (1 + ((random.NextSingle() - 0.5f) * noise))).ToArray().AsMemory();
        }).ToArray();
        var field = new VectorField("v", 100) { DistanceFunction = function, IsQuantized = isQuantized };
        var space = isQuantized ? VectorSpace.OfCodes(field) : VectorSpace.Of(field);
        var rows = new NativeColumn(space.RowBytes);
        rows.Grow(vectors.Length);
        for (var slot = 0; slot < vectors.Length; slot++)
        {
            Encode(field, space, vectors[slot].Span, rows.Row(slot));
        }

        // Links to all are there; but the nearest places of a walk may all be copies before it has met a way on. How often that happens depends on the order in which nodes were linked, which two
        // threads make another one each time: up to 34 in 60 builds of each case. One thread, which always makes the same graph, misses at most 17 in this order, and 32 with the copies first.
        foreach (var (threads, most) in ((int, int)[])[(1, Others / 50), (2, Others / 20)])
        {
            var graph = space.CreateGraph(rows, 16, 100);
            graph.Insert([.. Enumerable.Range(0, vectors.Length)], threads, new WriteAdmission(1));
            var missed = Enumerable.Range(0, Others).Where(slot => !Search(graph, space, rows.Row(slot), 64).Contains(slot)).ToList();
            Assert.That(missed, Has.Count.LessThanOrEqualTo(most), $"{threads} threads");
            Assert.That(Search(graph, space, rows.Row(Others), 500).Count(slot => slot >= Others), Is.EqualTo(500));
            Assert.That(Reached(graph), Has.Count.GreaterThanOrEqualTo(graph.Count * 0.99));
        }

        GC.KeepAlive(rows);
    }

    /// <summary>Each of many vectors that differ by a few hundredths is found by its code.</summary>
    [Test]
    public void NearVectorsAreFoundByTheirCodes([Values(DistanceFunction.CosineSimilarity, DistanceFunction.DotProductSimilarity, DistanceFunction.EuclideanSquaredDistance)] DistanceFunction function)
    {
        const int Near = 3000;
        var random = new Random(6);
        var field = new VectorField("v", 100) { DistanceFunction = function, IsQuantized = true };
        var space = VectorSpace.OfCodes(field);
        var rows = new NativeColumn(space.RowBytes);
        rows.Grow(Near);
        for (var slot = 0; slot < Near; slot++)
        {
            var vector = Base.AsSpan(0, 100).ToArray().Select(x => x * (1 + ((random.NextSingle() - 0.5f) * 0.06f))).ToArray();
            TensorPrimitives.Divide(vector, TensorPrimitives.Norm<float>(vector), vector);
            Encode(field, space, vector, rows.Row(slot));
        }

        var graph = space.CreateGraph(rows, 16, 100);
        graph.Insert([.. Enumerable.Range(0, Near)], 2, new WriteAdmission(1));
        var missed = Enumerable.Range(0, Near).Count(slot => !Search(graph, space, rows.Row(slot), 64).Contains(slot));
        Assert.That(missed, Is.LessThanOrEqualTo(Near / 50));
        GC.KeepAlive(rows);
    }

    /// <summary>Vectors that lie close together far from the origin are searched as well as any, though rounded they are hardly told apart.</summary>
    /// <param name="function">The distance.</param>
    /// <param name="away">How far from the origin, in their own spread.</param>
    [TestCase(DistanceFunction.EuclideanSquaredDistance, 30)]
    [TestCase(DistanceFunction.EuclideanSquaredDistance, 3000)]
    [TestCase(DistanceFunction.CosineSimilarity, 10)]
    [TestCase(DistanceFunction.CosineSimilarity, 100)]
    [TestCase(DistanceFunction.DotProductSimilarity, 30)]
    public void CloseGroupsFarAwayAreSearchedWell(DistanceFunction function, float away)
    {
        const int Queries = 100;
        var vectors = Enumerable.Range(0, 4000).Select(row => Moved(Base.AsSpan(row * 100, 100))).ToArray();
        var space = VectorSpace.Of(new VectorField("v", 100) { DistanceFunction = function });
        var (graph, rows) = Build(space, vectors, [.. Enumerable.Range(0, vectors.Length)]);
        var hits = 0;
        for (var i = 0; i < Queries; i++)
        {
            var query = Moved(QueryVectors.AsSpan(i * 100, 100));
            var nearest = Enumerable.Range(0, vectors.Length).OrderBy(slot => TensorPrimitives.Distance(query.Span, vectors[slot].Span)).Take(10).ToHashSet();
            hits += Search(graph, space, query, 64).Count(nearest.Contains);
        }

        Assert.That(hits / (10.0 * Queries), Is.GreaterThanOrEqualTo(0.95));
        Assert.That(Reached(graph), Has.Count.GreaterThanOrEqualTo(graph.Count * 0.99));
        GC.KeepAlive(rows);

        // Of one length, where only directions count: then all three distances put them in the order of their differences, which floats hold best.
        Memory<float> Moved(ReadOnlySpan<float> word)
        {
            var vector = new float[100];
            TensorPrimitives.Divide(word, TensorPrimitives.Norm(word), vector);
            vector[7] += away;
            if (function != DistanceFunction.EuclideanSquaredDistance)
            {
                TensorPrimitives.Divide(vector, TensorPrimitives.Norm<float>(vector), vector);
            }

            return vector;
        }
    }

    /// <summary>However few links a node has, ways lead to the copies: to nearly all, since over so few not even all other nodes are reached.</summary>
    [Test]
    public void CopiesAreReachedOverFewLinks([Values(2, 3)] int connections, [Values] bool isFirst)
    {
        const int Copies = 5000;
        var vectors = Enumerable.Range(0, Others + Copies).Select(row => Base.AsMemory(Math.Min(row, Others) * 100, 100)).ToArray();
        var slots = Enumerable.Range(0, vectors.Length).ToArray();
        if (isFirst)
        {
            Array.Reverse(slots);
        }

        var space = VectorSpace.Of(new VectorField("v", 100) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance });
        var (graph, rows) = Build(space, vectors, slots, connections, threads: 1); // one makes the same graph each time: over so few links some of those of two lose more
        Assert.That(Search(graph, space, vectors[Others], 500).Count(slot => slot >= Others), Is.EqualTo(500));
        Assert.That(Reached(graph).Count(slot => slot >= Others), Is.GreaterThanOrEqualTo(Copies * 0.9));
        GC.KeepAlive(rows);
    }

    /// <summary>What no way leads to, since links are few, is found when something is removed, and gets one.</summary>
    [Test]
    public void RemovingLeavesNothingUnreached()
    {
        const int Some = 2000;
        var vectors = Enumerable.Range(0, Some).Select(row => Base.AsMemory(row * 100, 100)).ToArray();
        var space = VectorSpace.Of(new VectorField("v", 100) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance });
        var (graph, rows) = Build(space, vectors, [.. Enumerable.Range(0, Some)], connections: 2, threads: 1);
        Assert.That(Reached(graph), Has.Count.LessThan(Some));
        var isRemoved = new bool[NativeColumn.ChunkSlots];
        isRemoved[0] = true;
        graph.Remove(isRemoved, slot => slot < Some, Some, 2, new WriteAdmission(1));
        Assert.That(Reached(graph), Has.Count.EqualTo(Some - 1));
        GC.KeepAlive(rows);
    }

    /// <summary>Walks that run while the node where they begin is removed have ways on.</summary>
    [Test]
    public void WalksLeadOnWhileTheEntryIsRemoved()
    {
        const int Some = 2000;
        var vectors = Enumerable.Range(0, Some).Select(row => Base.AsMemory(row * 100, 100)).ToArray();
        var space = VectorSpace.Of(new VectorField("v", 100) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance });
        var (graph, rows) = Build(space, vectors, [.. Enumerable.Range(0, Some)]);
        var isRemoved = new bool[NativeColumn.ChunkSlots];
        isRemoved[(int)graph.EntryPoint] = true;
        var least = int.MaxValue;
        graph.Remove(
            isRemoved,
            slot =>
            {
                least = slot % 100 == 0 ? Math.Min(least, Search(graph, space, vectors[0], 64).Length) : least;
                return slot < Some;
            },
            Some,
            1,
            new WriteAdmission(1));
        Assert.That(least, Is.EqualTo(64));
        Assert.That(isRemoved[(int)graph.EntryPoint], Is.False);
        GC.KeepAlive(rows);
    }

    /// <summary>What is left of a graph after many deletions, at once or in rounds, finds as much as one that was made of it.</summary>
    [TestCase(0.5, 1)]
    [TestCase(0.9, 1)]
    [TestCase(0.9, 5)]
    [TestCase(0.999, 1)]
    public void WhatIsLeftIsAsWellConnectedAsIfItWereNew(double share, int rounds)
    {
        const int Some = 10_000;
        var vectors = Enumerable.Range(0, Some).Select(row => Base.AsMemory(row * 100, 100)).ToArray();
        var space = VectorSpace.Of(new VectorField("v", 100) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance });
        var (graph, rows) = Build(space, vectors, [.. Enumerable.Range(0, Some)]);
        var order = Enumerable.Range(0, Some).ToArray();
        new Random(2).Shuffle(order);
        var isGone = new bool[NativeColumn.ChunkSlots];
        for (var (round, gone) = (1, 0); round <= rounds; round++)
        {
            var isRemoved = new bool[NativeColumn.ChunkSlots];
            for (; gone < Some * (1 - Math.Pow(1 - share, (double)round / rounds)); gone++)
            {
                isRemoved[order[gone]] = true;
            }

            graph.Remove(isRemoved, slot => slot < Some && !isGone[slot], Some, 2, new WriteAdmission(1));
            for (var slot = 0; slot < Some; slot++)
            {
                isGone[slot] |= isRemoved[slot];
            }
        }

        var left = order.Where(slot => !isGone[slot]).Order().ToArray();
        Assert.That(graph.Count, Is.EqualTo(left.Length));
        var (fresh, sameRows) = Build(space, vectors, left);
        var (asLeft, asNew) = (Recall(graph), Recall(fresh));
        TestContext.Out.WriteLine($"{asLeft:f4}, new {asNew:f4}");
        Assert.That(asLeft, Is.GreaterThanOrEqualTo(asNew - 0.01));
        GC.KeepAlive(rows);
        GC.KeepAlive(sameRows);

        double Recall(HnswGraph graph)
        {
            var (hits, all) = (0, 0);
            for (var i = 0; i < 200; i++)
            {
                var query = QueryVectors.AsMemory(i * 100, 100);
                var nearest = left.OrderBy(slot => TensorPrimitives.Distance(query.Span, vectors[slot].Span)).Take(10).ToHashSet();
                hits += Search(graph, space, query, 48).Take(10).Count(nearest.Contains);
                all += nearest.Count;
            }

            return (double)hits / all;
        }
    }

    private static void Encode(VectorField field, VectorSpace space, ReadOnlySpan<float> vector, byte* row)
    {
        if (!field.IsQuantized)
        {
            space.Encode(MemoryMarshal.AsBytes(vector), row);
            return;
        }

        fixed (float* elements = vector)
        {
            ScalarCode.Encode(elements, row, field.Dimensions, field.DistanceFunction == DistanceFunction.CosineSimilarity);
        }
    }

    /// <summary>A walk that comes to a node on an upper level, while that is being linked, goes on below: whatever another thread links then would else hang on this one alone.</summary>
    [Test]
    public void WhoComesDownByANodeThatIsBeingLinkedFindsWaysOn()
    {
        const int Dimensions = 16, First = 200, Nodes = 400, Effort = 10;
        var random = new Random(7);
        var rows = new NativeColumn(Watched.RowBytes(Dimensions));
        rows.Grow(Nodes);
        var graph = new HnswGraph<Watched>(rows, 8, 40);
        var found = new ulong[Effort];
        var (met, lost, upper) = (0, new List<int>(), 0);
        for (var node = 0; node < Nodes; node++)
        {
            foreach (ref var x in new Span<float>(rows.Row(node), Dimensions))
            {
                x = random.NextSingle();
            }

            var query = (nint)rows.Row(node);
            Watched.Met = node < First ? null : () =>
            {
                met++;
                lost.AddRange(graph.Search((byte*)query, Effort, found) < Effort ? [node] : []);
            };
            graph.Insert([node], 1, new WriteAdmission(1));
            Watched.Met = null;
            upper += node >= First && graph.LevelOf(node) > 0 ? 1 : 0;
        }

        Assert.That(lost, Is.Empty);
        Assert.That(met, Is.GreaterThan(10 * (Nodes - First)));
        Assert.That(upper, Is.GreaterThan(10));
        GC.KeepAlive(rows);
    }

    /// <summary>Removing half the copies of a vector takes no work that grows with the square of their number.</summary>
    [Test]
    public void RemovingCopiesTakesWorkThatGrowsWithTheirNumber()
    {
        Assert.That(Compared(6000), Is.LessThan(3 * Compared(3000)));

        static long Compared(int copies)
        {
            var rows = new NativeColumn(Watched.RowBytes(16));
            rows.Grow(copies);
            for (var slot = 0; slot < copies; slot++)
            {
                new Span<float>(rows.Row(slot), 16).Fill(1);
            }

            var graph = new HnswGraph<Watched>(rows, 8, 40);
            graph.Insert([.. Enumerable.Range(0, copies)], 1, new WriteAdmission(1));
            var isRemoved = new bool[NativeColumn.ChunkSlots];
            isRemoved.AsSpan(0, copies / 2).Fill(true);
            var compared = 0L;
            Watched.Met = () => compared++;
            graph.Remove(isRemoved, slot => slot < copies, copies, 1, new WriteAdmission(1));
            Watched.Met = null;
            Assert.That(Reached(graph), Has.Count.EqualTo(copies / 2));
            GC.KeepAlive(rows);
            return compared;
        }
    }

    private static (HnswGraph Graph, NativeColumn Rows) Build(VectorSpace space, Memory<float>[] vectors, int[] slots, int connections = 16, int threads = 2)
    {
        var rows = new NativeColumn(space.RowBytes);
        rows.Grow(vectors.Length);
        for (var slot = 0; slot < vectors.Length; slot++)
        {
            space.Encode(MemoryMarshal.AsBytes<float>(vectors[slot].Span), rows.Row(slot));
        }

        var graph = space.CreateGraph(rows, connections, 100);
        graph.Insert(slots, threads, new WriteAdmission(1));
        return (graph, rows);
    }

    private static int[] Search(HnswGraph graph, VectorSpace space, Memory<float> vector, int effort)
    {
        var row = new QueryBuffer(space.RowBytes);
        space.Encode(MemoryMarshal.AsBytes<float>(vector.Span), row.Address);
        var found = Search(graph, space, row.Address, effort);
        GC.KeepAlive(row);
        return found;
    }

    private static int[] Search(HnswGraph graph, VectorSpace space, byte* row, int effort)
    {
        var query = new QueryBuffer(space.QueryBytes);
        space.Prepare(row, query.Address);
        var found = new ulong[effort];
        var count = graph.Search(query.Address, effort, found);
        GC.KeepAlive(query);
        return [.. found.Take(count).Select(ScoredSlot.Slot)];
    }

    // Which nodes some way leads to.
    private static HashSet<int> Reached(HnswGraph graph)
    {
        var entry = (int)graph.EntryPoint;
        var reached = new HashSet<int> { entry };
        var open = new Stack<int>([entry]);
        while (open.TryPop(out var node))
        {
            foreach (var link in (int[])[.. new ReadOnlySpan<int>(graph.Links.Row(node), 2 * graph.Connections), .. graph.UpperLinks[node] ?? []])
            {
                if (link >= 0 && reached.Add(link))
                {
                    open.Push(link);
                }
            }
        }

        return reached;
    }

    /// <summary>A distance that tells the thread that links whenever it looks for copies, which it does all along.</summary>
    private readonly struct Watched : IRowDistance<Watched>
    {
        [ThreadStatic]
        public static Action? Met;

        public static int RowBytes(int dimensions) => (dimensions * sizeof(float) + 63) & ~63;

        public static float Between(byte* query, byte* row, int rowBytes) =>
            TensorPrimitives.Distance(new ReadOnlySpan<float>(query, rowBytes / sizeof(float)), new ReadOnlySpan<float>(row, rowBytes / sizeof(float)));

        public static bool AreAlike(byte* a, byte* b, int rowBytes)
        {
            Met?.Invoke();
            return new ReadOnlySpan<byte>(a, rowBytes).SequenceEqual(new ReadOnlySpan<byte>(b, rowBytes));
        }

        public static float Reference(byte* a, byte* b, int dimensions) => Between(a, b, dimensions * sizeof(float));
    }
}
