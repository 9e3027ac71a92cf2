using System.Runtime.InteropServices;
using Abi.Database.Engine;
using Abi.Database.Indexes;
using Abi.Database.Rows;

namespace Abi.Database.Tests.Indexes;

/// <summary>The graph by itself, over vectors that are hard to keep connected: copies of one another, and what mass deletions leave.</summary>
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
        Assert.That(Reached(graph), Is.GreaterThanOrEqualTo(graph.Count * 0.99));
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
                var nearest = left.OrderBy(slot => System.Numerics.Tensors.TensorPrimitives.Distance(query.Span, vectors[slot].Span)).Take(10).ToHashSet();
                hits += Search(graph, space, query, 48).Take(10).Count(nearest.Contains);
                all += nearest.Count;
            }

            return (double)hits / all;
        }
    }

    private static (HnswGraph Graph, NativeColumn Rows) Build(VectorSpace space, Memory<float>[] vectors, int[] slots)
    {
        var rows = new NativeColumn(space.RowBytes);
        rows.Grow(vectors.Length);
        for (var slot = 0; slot < vectors.Length; slot++)
        {
            space.Encode(MemoryMarshal.AsBytes<float>(vectors[slot].Span), rows.Row(slot));
        }

        var graph = space.CreateGraph(rows, 16, 100);
        graph.Insert(slots, 2, new WriteAdmission(1));
        return (graph, rows);
    }

    private static int[] Search(HnswGraph graph, VectorSpace space, Memory<float> vector, int effort)
    {
        var memory = new QueryBuffer(space.QueryBytes + space.RowBytes);
        var row = memory.Address + space.QueryBytes;
        space.Encode(MemoryMarshal.AsBytes<float>(vector.Span), row);
        space.Prepare(row, memory.Address);
        var found = new ulong[effort];
        var count = graph.Search(memory.Address, effort, found);
        GC.KeepAlive(memory);
        return [.. found.Take(count).Select(ScoredSlot.Slot)];
    }

    // How many nodes some way leads to.
    private static int Reached(HnswGraph graph)
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

        return reached.Count;
    }
}
