using System.Diagnostics;
using Abi.Database.Indexes;
using Abi.Database.Rows;

namespace Abi.Database.Tests.Indexes;

/// <summary>Building a Vamana graph, and the walk over codes.</summary>
[Parallelizable]
public sealed unsafe class VamanaBuilderTests : WordsFixture
{
    private const int Some = 3000;
    private const int Most = 24;

    [Test]
    public void IsTheSameWithAnyNumberOfThreads()
    {
        var one = Build(1).Links;
        var three = Build(3).Links;
        for (var node = 0; node < Some; node++)
        {
            Assert.That(LinksOf(three, node), Is.EqualTo(LinksOf(one, node)));
        }
    }

    [Test]
    public void LinksLeadEverywhereAndNoneTwice()
    {
        var builder = Build(2);
        foreach (var node in Reached(builder))
        {
            var links = LinksOf(builder.Links, node).TakeWhile(link => link >= 0).ToList();
            Assert.That(links, Is.Unique);
            Assert.That(links, Has.None.EqualTo(node));
            Assert.That(new ReadOnlySpan<int>(builder.Links.Row(node), builder.Links.Stride / sizeof(int))[Most..].ToArray(), Is.All.EqualTo(-1), "what it had room for meanwhile was chosen among");
        }

        Assert.That(Reached(builder), Has.Count.EqualTo(Some));
    }

    /// <summary>A merge that brings nothing does not look through all nodes.</summary>
    [Test]
    public void WithoutChangesLinksStayAsTheyAre()
    {
        var (quantizer, codes) = Codes();
        var builder = new VamanaBuilder(quantizer, codes, 100, Some, Most, 64);
        for (var node = 0; node < Some; node++)
        {
            new Span<int>(builder.Links.Row(node), Most)[0] = node == 0 ? 1 : 0; // all but two unreached
        }

        builder.Begin(0, Some);
        builder.Insert(ReadOnlyMemory<int>.Empty, (_, _) => { }, 2);
        Assert.That(Enumerable.Range(0, Some).Select(node => LinksOf(builder.Links, node)[1]), Is.All.EqualTo(-1));
    }

    /// <summary>Nodes of one code lead to the first of them, and from it or one before, without taking the places of what they lead to while there is room, nor those of one another.</summary>
    [Test]
    public void NodesOfOneCodeTakeNoPlacesThatAreNeeded()
    {
        const int Copies = 1 + (Most / 4);
        var (quantizer, codes) = Codes();
        for (var node = 1; node < Copies; node++)
        {
            new ReadOnlySpan<byte>(codes.Row(0), codes.Stride).CopyTo(new Span<byte>(codes.Row(node), codes.Stride));
        }

        var builder = new VamanaBuilder(quantizer, codes, 100, Some, Most, 64);
        for (var node = 0; node < Some; node++)
        {
            var links = new Span<int>(builder.Links.Row(node), Most);
            for (var i = 0; i < (node == 0 ? Most : 4); i++)
            {
                links[i] = 100 + ((node + i) % (Some - 100));
            }
        }

        new Span<int>(builder.Links.Row(0), Most)[^2] = 1; // from an earlier merge
        builder.Begin(0, Some);
        builder.Choose(Some - 1, [0, 200, 300]); // something changed
        builder.Insert(ReadOnlyMemory<int>.Empty, (_, _) => { }, 2);
        Assert.That(LinksOf(builder.Links, 0), Is.SupersetOf(Enumerable.Range(1, Copies - 1)));
        for (var node = 1; node < Copies; node++)
        {
            Assert.That(LinksOf(builder.Links, node), Is.SupersetOf(new[] { 100 + node, 0 }));
        }
    }

    /// <summary>A file may say that a node leads to one copy again and again: the others get their links all the same.</summary>
    [Test]
    public void AListOfOneCopyIsNotSearchedBeyondItsBeginning()
    {
        var (quantizer, codes) = Codes();
        for (var node = 1; node < 4; node++)
        {
            new ReadOnlySpan<byte>(codes.Row(0), codes.Stride).CopyTo(new Span<byte>(codes.Row(node), codes.Stride));
        }

        var builder = new VamanaBuilder(quantizer, codes, 100, Some, Most, 64);
        new Span<int>(builder.Links.Row(0), Most).Fill(1);
        for (var node = 1; node < 4; node++)
        {
            new Span<int>(builder.Links.Row(node), Most)[0] = 0;
        }

        builder.Begin(0, 4);
        builder.Choose(Some - 1, [0]); // something changed
        builder.Insert(ReadOnlyMemory<int>.Empty, (_, _) => { }, 2);
        Assert.That(Reached(builder), Is.SupersetOf(new[] { 1, 2, 3 }));
    }

    /// <summary>Nor does a file make a merge last for hours, in which what no way leads to is a chain against the order of the nodes.</summary>
    [Test]
    public void AChainOfUnreachedNodesTakesNoTimeThatGrowsWithItsSquare()
    {
        const int Nodes = 200_000;
        var (quantizer, _) = Codes();
        var codes = new NativeColumn(quantizer.CodeBytes);
        codes.Grow(Nodes);
        var builder = new VamanaBuilder(quantizer, codes, 100, Nodes, Most, 64);
        for (var node = 0; node < Nodes; node++)
        {
            *(int*)codes.Row(node) = node;
            new Span<int>(builder.Links.Row(node), Most)[0] = (node + 1) % Nodes;
        }

        builder.Begin(0, Nodes);
        builder.Choose(0, []); // something changed, and the beginning leads nowhere
        var watch = Stopwatch.StartNew();
        builder.Insert(ReadOnlyMemory<int>.Empty, (_, _) => { }, 2);
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)));
    }

    // RobustPrune as the paper has it, over the vectors that the codes stand for.
    [Test]
    public void ChoosesAsTheDefinitionSays()
    {
        var (quantizer, codes) = Codes();
        var builder = new VamanaBuilder(quantizer, codes, 100, Some, Most, 64);
        var vectors = Enumerable.Range(0, Some).Select(node => Decode(quantizer, codes, node)).ToArray();
        foreach (var node in new[] { 0, 17, 2999 })
        {
            var candidates = Enumerable.Range(0, 400).Select(i => (i * 7) % Some).Where(other => other != node).ToList();
            builder.Choose(node, candidates.ToArray());
            List<int> expected = [];
            var left = candidates.OrderBy(other => Distance(vectors[node], vectors[other])).ToList();
            while (left.Count > 0 && expected.Count < Most)
            {
                var nearest = left[0];
                expected.Add(nearest);
                left.RemoveAll(other => other == nearest || 1.2 * Distance(vectors[nearest], vectors[other]) <= Distance(vectors[node], vectors[other]));
            }

            Assert.That(LinksOf(builder.Links, node).TakeWhile(link => link >= 0), Is.EqualTo(expected));
        }
    }

    [Test]
    public void ATableAddsUpToTheDistanceOfTheCode()
    {
        var (quantizer, codes) = Codes();
        var table = new float[quantizer.TableLength];
        for (var query = 0; query < 5; query++)
        {
            var vector = QueryVectors.AsSpan(query * 100, 100).ToArray();
            var squares = vector.Sum(x => (double)x * x);
            fixed (float* from = vector, distances = table)
            {
                quantizer.Compare(from, table, isDot: false);
                for (var node = 0; node < 100; node++)
                {
                    var exact = Math.Pow(Distance(vector, Decode(quantizer, codes, node)), 2);
                    Assert.That(ProductQuantizer.Sum(distances, codes.Row(node), quantizer.CodeBytes) + squares, Is.EqualTo(exact).Within(1e-5 * (exact + squares)));
                }
            }
        }
    }

    [Test]
    public void ALinkThatLeadsNowhereEndsTheList()
    {
        var (quantizer, codes) = Codes();
        var table = new float[quantizer.TableLength];
        var walk = new WalkState();
        var links = stackalloc int[] { 1, 2, 0, 3 };
        foreach (var nowhere in new[] { -1, Some, int.MinValue, int.MaxValue })
        {
            walk.Begin(Some, 16);
            links[2] = nowhere;
            var nodes = new SameLinks(links, []);
            fixed (float* distances = table)
            {
                CodeWalk.Run(ref nodes, codes, distances, 0, Some, 4, 16, 4, walk);
            }

            Assert.That(nodes.Met, Is.EquivalentTo(new[] { 0, 1, 2 }));
        }
    }

    private static int[] LinksOf(NativeColumn links, int node) => new ReadOnlySpan<int>(links.Row(node), Most).ToArray();

    private static float[] Decode(ProductQuantizer quantizer, NativeColumn codes, int node)
    {
        var vector = new float[100];
        quantizer.Decode(codes.Row(node), vector);
        return vector;
    }

    private static double Distance(float[] a, float[] b) => Math.Sqrt(a.Zip(b, (x, y) => ((double)x - y) * ((double)x - y)).Sum());

    private (ProductQuantizer Quantizer, NativeColumn Codes) Codes()
    {
        var quantizer = ProductQuantizer.Train(Base[..(Some * 100)], 100, 2);
        var codes = new NativeColumn(quantizer.CodeBytes);
        codes.Grow(Some);
        var distances = new float[ProductQuantizer.PartPoints];
        fixed (float* from = Base)
        {
            for (var node = 0; node < Some; node++)
            {
                quantizer.Encode(from + (node * 100), new Span<byte>(codes.Row(node), codes.Stride), distances);
            }
        }

        return (quantizer, codes);
    }

    private static HashSet<int> Reached(VamanaBuilder builder)
    {
        var reached = new HashSet<int> { builder.Entry };
        var open = new Stack<int>([builder.Entry]);
        while (open.TryPop(out var node))
        {
            foreach (var link in LinksOf(builder.Links, node).TakeWhile(link => link >= 0).Where(reached.Add))
            {
                open.Push(link);
            }
        }

        return reached;
    }

    private VamanaBuilder Build(int threads)
    {
        var (quantizer, codes) = Codes();
        var builder = new VamanaBuilder(quantizer, codes, 100, Some, Most, 64);
        builder.Insert(Enumerable.Range(0, Some).ToArray(), (node, vector) => Base.AsSpan(node * 100, 100).CopyTo(vector), threads);
        return builder;
    }

    private readonly struct SameLinks(int* links, List<int> met) : ICodeNodes
    {
        private readonly int* _links = links;

        public List<int> Met => met;

        public void Ask(ReadOnlySpan<ulong> items) => Assert.That(items.Length, Is.InRange(1, 4));

        public int* Meet(ulong item)
        {
            met.Add(ScoredSlot.Slot(item));
            return _links;
        }
    }
}
