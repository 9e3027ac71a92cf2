using Abi.Database.Engine;
using Abi.Database.Schema;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>Manifests that somebody made up: their checksums are right.</summary>
public sealed class ManifestTests
{
    /// <summary>Each graph takes one byte in the file and many in memory.</summary>
    [Test]
    public void MoreGraphsThanVectorFieldsAreDamage()
    {
        var disk = new MemoryStorage();
        var schema = new CollectionSchema(1, "c", new CollectionDefinition { Vectors = [new VectorField("v", 2)] });
        Write(1);
        Assert.That(Manifest.Read(disk).Collections.Single().Graphs, Has.Count.EqualTo(1));
        Write(2);
        Assert.That(() => Manifest.Read(disk), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("2 graphs"));

        void Write(int graphs) => new Manifest(Guid.NewGuid(), 1, 0, 1, 1, [new ManifestEntry(schema, 0, null, new (string, uint)?[graphs])]).Write(disk);
    }

    /// <summary>A salvage counts on from them.</summary>
    [TestCase(long.MaxValue - 1, 0, 1, 1, 0)]
    [TestCase(1, -1, 1, 1, 0)]
    [TestCase(1, long.MaxValue - 1, 1, 1, 0)]
    [TestCase(1, 0, long.MinValue, 1, 0)]
    [TestCase(1, 0, 1, int.MaxValue, 0)]
    [TestCase(1, 0, 1, 1, long.MaxValue - 1)]
    public void NumbersThatNoDatabaseReachesAreDamage(long generation, long sequence, long firstSegment, int nextCollection, long at)
    {
        var schema = new CollectionSchema(1, "c", new CollectionDefinition());
        var disk = new MemoryStorage();
        new Manifest(Guid.NewGuid(), generation, sequence, firstSegment, nextCollection, [new ManifestEntry(schema, at, null, [])]).Write(disk);
        foreach (var recovery in Enum.GetValues<RecoveryMode>())
        {
            Assert.That(() => new DatabaseEngine(MemoryStorage.Of(disk.Files()), History.Options(recovery: recovery)).Dispose(), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("manifest"));
        }
    }
}
