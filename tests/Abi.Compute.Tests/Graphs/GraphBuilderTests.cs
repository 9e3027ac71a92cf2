using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Compute.Tests.Graphs;

/// <summary>What does not fit together is refused while a graph is written.</summary>
public sealed class GraphBuilderTests
{
    [TestCase(0, 16, 16)]
    [TestCase(-1, 16, 16)]
    [TestCase(2, 0, 16)]
    [TestCase(2, 16, 0)]
    [TestCase(2, -16, 16)]
    [TestCase(1, 1 << 23, 16)]
    [TestCase(65_538, 65_536, 16)]
    [TestCase(65_538, 16, 65_536)]
    public void ALayerOfNoOrTooManyColumnsIsRefused(int heads, int keySize, int valueSize) =>
        Assert.That(() => new GraphBuilder().AddCacheLayer(heads, keySize, valueSize), Throws.TypeOf<ModelFormatException>().With.Message.Contains("heads"));

    [Test]
    public void HeadsThatFitModulo32BitsAreRefused()
    {
        // 65538 × 65536 is 2 × 65536 and 2³².
        var graph = new GraphBuilder();
        var layer = graph.AddCacheLayer(2, 65_536, 1);
        var queries = Input(graph, 2 * 65_536);
        Assert.That(() => graph.Attend(queries, layer, new AttentionSettings { Heads = 65_538, Scale = 1 }), Throws.TypeOf<ModelFormatException>());
    }

    [TestCase(int.MaxValue, 1, 1)]
    [TestCase(1, int.MaxValue, 1)]
    [TestCase(int.MaxValue, int.MaxValue, 1)]
    [TestCase(0, 1, 0)]
    public void ColumnsThatAreNotThereAreRefused(int offset, int width, int groups)
    {
        var graph = new GraphBuilder();
        var x = Input(graph, 32);
        Assert.That(() => graph.Slice(x, offset, width, groups), Throws.TypeOf<ModelFormatException>());
    }

    [Test]
    public void AValueWithTooManyColumnsIsRefused()
    {
        var graph = new GraphBuilder();
        var x = Input(graph, 1 << 20);
        Assert.That(() => graph.Repeat(x, 1 << 12), Throws.TypeOf<ModelFormatException>().With.Message.Contains("4294967296"));
    }

    private static Value Input(GraphBuilder graph, int width) => graph.Embed(WeightTensor.FromFloats("w", [width, 1], new float[width]));
}
