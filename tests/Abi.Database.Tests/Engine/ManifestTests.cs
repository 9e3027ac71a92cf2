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
}
