using Abi.Database.Rows;

namespace Abi.Database.Tests.Rows;

/// <summary>What the oldest reader sees is kept.</summary>
public sealed class ReaderRegistryTests
{
    [Test]
    public void TheOldestReaderCounts([Values(1, 64, 200)] int readers)
    {
        var registry = new ReaderRegistry();
        var published = new CollectionView(7, 0, 0);
        var first = registry.Enter(ref published, out var view);
        Assert.That(view, Is.SameAs(published));
        Assert.That(registry.Oldest(7), Is.EqualTo(7));

        published = new CollectionView(8, 0, 0);
        var later = Enumerable.Range(0, readers).Select(reader => registry.Enter(ref published, out _)).ToList();
        Assert.That(later, Is.Unique.And.None.EqualTo(first));
        Assert.That(registry.Oldest(8), Is.EqualTo(7));
        List<long> read = [];
        registry.AddTo(read);
        Assert.That(read, Is.EquivalentTo(Enumerable.Repeat(8L, readers).Append(7)));

        registry.Leave(first);
        Assert.That(registry.Oldest(8), Is.EqualTo(8));
        Assert.That(registry.Oldest(9), Is.EqualTo(8));
        later.ForEach(registry.Leave);
        Assert.That(registry.Oldest(9), Is.EqualTo(9));
    }
}
