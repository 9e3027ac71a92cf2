using Abi.Database.Engine;
using Abi.Database.Rows;
using Abi.Database.Storage;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Rows;

/// <summary>Rows files that somebody made up: their checksums are right, and their sections do not fit together.</summary>
public sealed class RowsFileTests
{
    private const int Records = 3;
    private const int Padding = 10; // of a block of 32 bytes with its length, a key and a text

    /// <summary>A section is too short for the rows that there are: the collection is damaged, and nothing is read beyond.</summary>
    [TestCase(RowsFile.Expires, sizeof(long))]
    [TestCase(RowsFile.Expires, Records * sizeof(long))]
    [TestCase(RowsFile.Payloads, 1)]
    [TestCase(RowsFile.Payloads, Padding)]
    [TestCase(RowsFile.HasVector, 1)]
    [TestCase(RowsFile.Vectors, 1)]
    public Task ASectionThatIsTooShortIsDamage(long section, int missing) => IsDamageAsync(section, bytes => bytes[..^missing]);

    /// <summary>Two rows have the same block, which would be given back twice, and then hold two records.</summary>
    [Test]
    public Task ABlockOfTwoRowsIsDamage() => IsDamageAsync(RowsFile.Offsets, bytes => [.. bytes[..sizeof(long)], .. bytes[..sizeof(long)], .. bytes[(2 * sizeof(long))..]]);

    private static async Task IsDamageAsync(long section, Func<byte[], byte[]> change)
    {
        var disk = new MemoryStorage();
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
        {
            var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, TimeToLive = TimeSpan.FromDays(1), Data = [new DataField("n", DataKind.Text)], Vectors = [new VectorField("v", 2)] });
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(Enumerable.Range(0, Records).Select(i => new Dictionary<string, object?> { ["Key"] = (long)i, ["n"] = "n", ["v"] = new float[] { i, 1 } }));
            await database.CheckpointAsync();
        }

        var manifest = Manifest.Read(disk);
        var entry = manifest.Collections.Single();
        var rows = Rewrite(disk, entry.Rows!.Value, section, change);
        (manifest with { Collections = [entry with { Rows = rows }] }).Write(disk);
        using var again = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        Assert.That(async () => await again.GetDynamicCollection("c").CountAsync(), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains(rows.Name));
    }

    // Writes a rows file anew, with one section changed.
    private static (string Name, uint Checksum) Rewrite(MemoryStorage disk, (string Name, uint Checksum) rows, long section, Func<byte[], byte[]> change)
    {
        using var reader = new SegmentReader(disk, rows.Name, RowsFile.Kind, rows.Checksum);
        reader.Verify();
        using var writer = new SegmentWriter(disk, "rows-000001-0000000099.abi", RowsFile.Kind);
        foreach (var id in (long[])[RowsFile.Payloads, RowsFile.Offsets, RowsFile.Expires, RowsFile.Vectors, RowsFile.HasVector])
        {
            writer.BeginSection(id);
            var bytes = reader.ReadAll<byte>(id);
            writer.Write<byte>(id == section ? change(bytes) : bytes);
        }

        return ("rows-000001-0000000099.abi", writer.Finish());
    }
}
