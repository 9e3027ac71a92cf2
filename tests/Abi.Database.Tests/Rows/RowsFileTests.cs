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
    public async Task ASectionThatIsTooShortIsDamage(long section, int missing)
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
        var rows = Cut(disk, entry.Rows!.Value, section, missing);
        (manifest with { Collections = [entry with { Rows = rows }] }).Write(disk);
        using var again = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        Assert.That(async () => await again.GetDynamicCollection("c").CountAsync(), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains(rows.Name));
    }

    // Writes a rows file anew, without the last bytes of a section.
    private static (string Name, uint Checksum) Cut(MemoryStorage disk, (string Name, uint Checksum) rows, long section, int missing)
    {
        using var reader = new SegmentReader(disk, rows.Name, RowsFile.Kind, rows.Checksum);
        reader.Verify();
        using var writer = new SegmentWriter(disk, "rows-000001-0000000099.abi", RowsFile.Kind);
        foreach (var id in (long[])[RowsFile.Payloads, RowsFile.Offsets, RowsFile.Expires, RowsFile.Vectors, RowsFile.HasVector])
        {
            writer.BeginSection(id);
            var bytes = reader.ReadAll<byte>(id);
            writer.Write(bytes.AsSpan(0, bytes.Length - (id == section ? missing : 0)));
        }

        return ("rows-000001-0000000099.abi", writer.Finish());
    }
}
