using Abi.Compute.Graphs;
using Abi.Llm.Adapters;
using Abi.Llm.Models;

namespace Abi.Llm.Tests.Adapters;

public sealed class PeftNamesTests
{
    /// <summary>As the conversion of each does; those whose originals rotate neighbours too keep their rows.</summary>
    [TestCase("llama", true)]
    [TestCase("arcee", true)]
    [TestCase("deci", true)]
    [TestCase("granitehybrid", true)]
    [TestCase("muse-glimmer", true)]
    [TestCase("nanbeige", true)]
    [TestCase("orion", false)]
    [TestCase("llama4", false)]
    [TestCase("command-r", false)]
    [TestCase("qwen3", false)]
    public void RowsOfQueriesAndKeysAreReorderedWhereConversionDoes(string architecture, bool isReordered)
    {
        Assert.That(PeftNames.IsReordered(architecture, "blk.0.attn_q.weight"), Is.EqualTo(isReordered));
        Assert.That(PeftNames.IsReordered(architecture, "blk.0.attn_k.weight"), Is.EqualTo(isReordered));
        Assert.That(PeftNames.IsReordered(architecture, "blk.0.attn_v.weight"), Is.False);
    }

    /// <summary>Rows are reordered for the rotation of neighbours alone: a model that rotates halves has them as its original.</summary>
    [Test]
    public void OnlyModelsThatRotateNeighboursAreReordered()
    {
        var reordered = ArchitectureTable.Names.Where(static name => PeftNames.IsReordered(name, "blk.0.attn_q.weight")).ToArray();
        Assert.That(reordered, Has.Length.GreaterThan(10));
        Assert.That(reordered.Where(static name => ArchitectureTable.Find(name)!.Rope != RopePairing.Neighbours), Is.Empty);
    }
}
