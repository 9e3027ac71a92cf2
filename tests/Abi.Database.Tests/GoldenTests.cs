using Abi.Database.Tests.Embeddings;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests;

/// <summary>Promise 8: databases that earlier versions wrote open for ever.</summary>
public sealed class GoldenTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Golden");

    private static readonly byte[] Secret = [.. Enumerable.Range(0, 32).Select(i => (byte)i)]; // of the encrypted ones

    private static readonly CollectionDefinition Tales = new()
    {
        Data =
        [
            new DataField("text", DataKind.Text) { IsFullTextIndexed = true, Stemming = Stemming.English, Boost = 2 },
            new DataField("tags", DataKind.TextArray) { IsIndexed = true },
        ],
        Vectors =
        [
            new VectorField("letters", 26) { SourceField = "text", Element = VectorElement.Float16 },
            new VectorField("bits", 16) { Element = VectorElement.Binary, DistanceFunction = DistanceFunction.HammingDistance },
            new VectorField("place", 4) { IsQuantized = true, IndexKind = IndexKind.Hnsw, DistanceFunction = DistanceFunction.EuclideanSquaredDistance },
        ],
        TimeToLive = TimeSpan.FromDays(1_000_000),
    };

    public static IEnumerable<string> Versions() => Directory.GetDirectories(Folder).Select(folder => Path.GetFileName(folder));

    [TestCaseSource(nameof(Versions))]
    public async Task OpensWithItsState(string version)
    {
        var folder = Path.Combine(Folder, version);
        var files = Directory.GetFiles(folder, "*.abi").Concat(Directory.GetFiles(folder, "abi.*")).ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes);
        using var key = files.ContainsKey("abi.keys") ? EncryptionKey.FromBytes(Secret) : null;
        using (var database = new VectorDatabase(new Database.Engine.DatabaseEngine(MemoryStorage.Of(files), Options(key))))
        {
            Assert.That(database.Recovery.CutReason, Is.Null);
            Assert.That(database.Recovery.Warnings, Is.Empty);
            await CheckAsync(database, folder);
        }

        if (File.Exists(Path.Combine(folder, "backup.stream")))
        {
            using var target = new TemporaryFolder();
            await using var stream = File.OpenRead(Path.Combine(folder, "backup.stream"));
            await VectorDatabase.RestoreAsync(stream, target["restored"], new RestoreOptions { EncryptionKey = key });
            var options = Options(key);
            options.Path = target["restored"];
            await using var restored = await VectorDatabase.OpenAsync(options);
            await CheckAsync(restored, folder);
        }
    }

    [Explicit("writes the files of a version to be released; ABI_GOLDEN names the folder")]
    [TestCase(false)]
    [TestCase(true)]
    public async Task Write(bool isEncrypted)
    {
        using var key = isEncrypted ? EncryptionKey.FromBytes(Secret) : null;
        using var backup = new MemoryStream();
        var tales = "";
        var history = await History.RunAsync(20, seed: 8, checkpointsAfter: [12], change: (_, options) => options.WithEmbeddings(new LetterGenerator()), encryption: key, afterCommit: async (commit, database) =>
        {
            if (commit == 20)
            {
                await database.BackupAsync(backup);
                tales = await AnswersAsync(database);
            }

            if (commit is not (6 or 16))
            {
                return;
            }

            var collection = database.GetDynamicCollection("tales", Tales);
            await collection.EnsureCollectionExistsAsync();
            string[] texts = ["The owls were looking for a lost hat", "A frog looks at boats", "Trees under the bridge", "One walked home"];
            await collection.UpsertAsync(texts.Skip(commit == 6 ? 0 : 2).Take(commit == 6 ? 3 : 2).Select((text, i) => new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["Key"] = $"{commit}-{i}", ["text"] = text, ["tags"] = new[] { $"t{i}", "all" }, ["bits"] = new byte[] { (byte)i, 255 }, ["place"] = new float[] { i, commit, 1, -2 },
            }));
            if (commit == 16)
            {
                await collection.DeleteAsync("6-1");
            }
        });
        var folder = Directory.CreateDirectory(Path.Combine(Environment.GetEnvironmentVariable("ABI_GOLDEN")!, isEncrypted ? "encrypted" : "plain")).FullName;
        foreach (var (name, bytes) in history.Storage.Files())
        {
            await File.WriteAllBytesAsync(Path.Combine(folder, name), bytes);
        }

        await File.WriteAllBytesAsync(Path.Combine(folder, "backup.stream"), backup.ToArray());
        await File.WriteAllTextAsync(Path.Combine(folder, "state.txt"), history.States[^1] + "\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "answers.txt"), tales);
    }

    private static DatabaseOptions Options(EncryptionKey? key) => History.Options(key: key).WithEmbeddings(new LetterGenerator());

    private static async Task CheckAsync(VectorDatabase database, string folder)
    {
        Assert.That(await History.StateOfAsync(database), Is.EqualTo((await File.ReadAllTextAsync(Path.Combine(folder, "state.txt"))).TrimEnd('\n')));
        if (File.Exists(Path.Combine(folder, "answers.txt")))
        {
            Assert.That(await AnswersAsync(database), Is.EqualTo(await File.ReadAllTextAsync(Path.Combine(folder, "answers.txt"))));
            Assert.That(database.GetDynamicCollection("tales", Tales).GetStatistics().Count, Is.EqualTo(4));
        }
    }

    // What stems, the vectors of texts, bits, codes and filters find.
    private static async Task<string> AnswersAsync(VectorDatabase database)
    {
        var tales = database.GetDynamicCollection("tales", Tales);
        List<string> lines = [];
        foreach (var words in (string[])["look", "tree", "\"looked for\"", "wal*"])
        {
            lines.Add($"{words}: {string.Join(' ', await tales.SearchTextAsync(TextQuery.Parse(words), 9).Select(found => FormattableString.Invariant($"{found.Record["Key"]}={found.Score:f3}")).ToListAsync())}");
        }

        lines.Add($"letters: {string.Join(' ', await tales.SearchAsync("a frog", 9, new VectorSearchOptions { VectorField = "letters" }).Select(found => FormattableString.Invariant($"{found.Record["Key"]}={found.Score:f3}")).ToListAsync())}");
        lines.Add($"place: {string.Join(' ', tales.SearchKeys([1.3f, 16, 1, -2], 9, new VectorSearchOptions { VectorField = "place", Filter = Filter.Contains("tags", "all") }).Select(match => FormattableString.Invariant($"{match.Key}={match.Score:f3}")))}");
        return string.Join('\n', lines) + "\n";
    }
}
