using System.Runtime.InteropServices;
using Abi.Database.Engine;
using Abi.Database.Indexes;
using Abi.Database.Rows;
using Abi.Database.Storage;

namespace Abi.Database.Tests.Indexes;

/// <summary>Graph files whose checksums are right and whose content is not: made up on purpose. They may cost recall, but neither records nor the process.</summary>
[Parallelizable]
public sealed class MadeUpGraphTests
{
    private const int Count = 10_000;
    private const int Connections = 8;
    private const long WithoutVector = -1;

    private static readonly int[] Numbers = [-1, -2, 0, 1, 255, Count - 1, Count, Count + 1, 16_384, 1 << 20, int.MaxValue, int.MinValue];

    [TestCase(IndexKind.Hnsw, false, 20)]
    [TestCase(IndexKind.Hnsw, true, 20)]
    [TestCase(IndexKind.IvfPq, false, 20)]
    [TestCase(IndexKind.DiskAnn, false, 20)]
    [TestCase(IndexKind.Hnsw, false, 200, Explicit = true, Reason = "long")]
    [TestCase(IndexKind.Hnsw, true, 200, Explicit = true, Reason = "long")]
    [TestCase(IndexKind.IvfPq, false, 200, Explicit = true, Reason = "long")]
    [TestCase(IndexKind.DiskAnn, false, 200, Explicit = true, Reason = "long")]
    public async Task ItIsRefusedOrSearchedInBounds(IndexKind kind, bool isQuantized, int rounds)
    {
        using var template = new TemporaryFolder();
        await FillAsync(template["points"], kind, isQuantized);
        for (var round = 0; round < rounds; round++)
        {
            using var folder = new TemporaryFolder();
            Directory.CreateDirectory(folder["points"]);
            foreach (var file in Directory.GetFiles(template["points"]))
            {
                File.Copy(file, Path.Combine(folder["points"], Path.GetFileName(file)));
            }

            var random = new Random(round);
            MakeUp(folder["points"], sections => Damage(sections.Values.ElementAt(random.Next(sections.Count)), random));
            await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["points"], Durability = Durability.Os });
            var points = database.GetDynamicCollection("points");
            Check(points, Count + 1);
            await points.DeleteAsync(Enumerable.Range(0, 1000).Select(row => (object)(long)row));
            await points.UpsertAsync(Enumerable.Range(Count, 1000).Select(Point));
            await SweepAsync(database, points);
            Check(points, Count);
            if (round % 8 == 0)
            {
                await database.CheckpointAsync();
                Check(points, Count);
            }
        }
    }

    /// <summary>Links are followed without looking at what they lead to: to a record without a vector, whose own list says anything, or from a level to a node that is not on it.</summary>
    [Test]
    public async Task WaysToWhatIsNoNodeOfTheirLevelAreRefused([Values] bool isUpper)
    {
        using var folder = new TemporaryFolder();
        await FillAsync(folder["points"], IndexKind.Hnsw, isQuantized: false);
        MakeUp(folder["points"], sections =>
        {
            var levels = sections[GraphFile.Levels];
            if (isUpper)
            {
                MemoryMarshal.Cast<byte, int>(sections[GraphFile.UpperLinks].AsSpan())[0] = Array.IndexOf(levels, (byte)0);
                return;
            }

            var links = MemoryMarshal.Cast<byte, int>(sections[GraphFile.Links].AsSpan());
            var bare = Array.IndexOf(levels, byte.MaxValue);
            links[bare * 2 * Connections] = 1 << 28;
            for (var node = 0; node < 100; node++)
            {
                links[node * 2 * Connections] = bare;
            }
        });
        await using var database = await VectorDatabase.OpenAsync(folder["points"]);
        var points = database.GetDynamicCollection("points");
        await points.DeleteAsync(Enumerable.Range(0, 1000).Select(row => (object)(long)row));
        await SweepAsync(database, points);
        Check(points, Count - 1000);
        Assert.That(database.Recovery.Warnings, Has.Length.EqualTo(1));
    }

    /// <summary>A query compares itself with every cell: a file does not say that there are millions.</summary>
    [Test]
    public async Task MoreCellsThanAreEverMadeAreRefused()
    {
        using var folder = new TemporaryFolder();
        await FillAsync(folder["points"], IndexKind.IvfPq, isQuantized: false);
        MakeUp(folder["points"], sections => sections[GraphFile.Cells] = new byte[(InvertedFile.LargestCells + 1) * 4 * sizeof(float)]);
        await using var database = await VectorDatabase.OpenAsync(folder["points"]);
        Assert.That(database.Recovery.Warnings, Has.Length.EqualTo(1));
        Check(database.GetDynamicCollection("points"), Count + 1);
    }

    private static async Task FillAsync(string path, IndexKind kind, bool isQuantized)
    {
        await using var database = await VectorDatabase.OpenAsync(path);
        var points = database.GetDynamicCollection("points", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 4) { IndexKind = kind, IsQuantized = isQuantized, ConstructionEffort = 16, Connections = Connections }] });
        await points.EnsureCollectionExistsAsync();
        await points.UpsertAsync(Enumerable.Range(0, Count).Select(Point));
        await points.UpsertAsync([new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = WithoutVector, ["v"] = null }]);
        await database.WaitForIndexAsync();
        await database.CheckpointAsync();
    }

    // Records that were deleted leave the graph when another one is, later than they.
    private static async Task SweepAsync(VectorDatabase database, VectorCollection<object, Dictionary<string, object?>> points)
    {
        await points.DeleteAsync([(object)WithoutVector]);
        await database.WaitForIndexAsync();
        await points.UpsertAsync([Point(1002)]);
        await database.WaitForIndexAsync();
    }

    private static void Check(VectorCollection<object, Dictionary<string, object?>> points, int count)
    {
        Assert.That(points.GetStatistics().Count, Is.EqualTo(count));
        for (var row = 0; row < 20; row++)
        {
            var found = points.SearchKeys(Vector(2000 + (row * 100)), 30);
            Assert.That(found.Select(match => match.Key).ToList(), Is.Unique.And.Count.EqualTo(30));
        }
    }

    // Writes the graph anew, with other content.
    private static void MakeUp(string folder, Action<Dictionary<long, byte[]>> change)
    {
        using var storage = new DiskStorage(folder, create: false);
        var manifest = Manifest.Read(storage);
        var entry = manifest.Collections.Single();
        var (name, checksum) = entry.Graphs[0]!.Value;
        Dictionary<long, byte[]> sections = [];
        using (var reader = new SegmentReader(storage, name, GraphFile.Kind, checksum))
        {
            reader.Verify();
            for (var id = GraphFile.Parameters; id <= GraphFile.DiskNodes; id++)
            {
                if (reader.Section(id).Length > 0)
                {
                    sections[id] = reader.ReadAll<byte>(id);
                }
            }
        }

        change(sections);
        using (var writer = new SegmentWriter(storage, name, GraphFile.Kind))
        {
            foreach (var (id, bytes) in sections)
            {
                writer.BeginSection(id);
                writer.Write<byte>(bytes);
            }

            checksum = writer.Finish();
        }

        (manifest with { Collections = [entry with { Graphs = [(name, checksum)] }] }).Write(storage);
    }

    private static void Damage(byte[] section, Random random)
    {
        var ints = MemoryMarshal.Cast<byte, int>(section.AsSpan());
        switch (random.Next(3))
        {
            case 0:
                for (var i = 0; i < ints.Length; i++)
                {
                    ints[i] = random.Next(4) == 0 ? Numbers[random.Next(Numbers.Length)] : ints[i];
                }

                break;
            case 1:
                ints[random.Next(ints.Length)] = Numbers[random.Next(Numbers.Length)];
                break;
            default:
                random.NextBytes(section.AsSpan(random.Next(section.Length)));
                break;
        }
    }

    private static Dictionary<string, object?> Point(int row) => new(StringComparer.Ordinal) { ["Key"] = (long)row, ["v"] = Vector(row) };

    private static float[] Vector(int row)
    {
        var random = new Random(row);
        return [random.NextSingle() - 0.5f, random.NextSingle() - 0.5f, random.NextSingle() - 0.5f, 0.1f];
    }
}
