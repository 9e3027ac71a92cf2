using Abi.Database.Rows;

namespace Abi.Database.Tests.Rows;

/// <summary>What the oldest reader sees is kept.</summary>
public sealed class ReaderRegistryTests
{
    [Test]
    public void TheOldestReaderCounts([Values(1, 64, 200)] int readers)
    {
        var registry = new ReaderRegistry();
        long published = 7;
        var first = registry.Enter(ref published, out var sequence);
        Assert.That(sequence, Is.EqualTo(7));
        Assert.That(registry.Oldest(published), Is.EqualTo(7));

        published = 8;
        var later = Enumerable.Range(0, readers).Select(reader => registry.Enter(ref published, out _)).ToList();
        Assert.That(later, Is.Unique.And.None.EqualTo(first));
        Assert.That(registry.Oldest(published), Is.EqualTo(7));

        registry.Leave(first);
        Assert.That(registry.Oldest(published), Is.EqualTo(8));
        Assert.That(registry.Oldest(9), Is.EqualTo(8));
        later.ForEach(registry.Leave);
        Assert.That(registry.Oldest(9), Is.EqualTo(9));
    }
}
