using System.Diagnostics;
using Abi.Database;

namespace Abi.CompareVectors;

/// <summary>How long a merge takes of a collection with texts: 100,000 records of 60 words each out of 20,000, written anew by compaction; and opening, which reads the words from the texts.</summary>
internal static class TextMerge
{
    private const int Rows = 100_000;
    private const int Length = 60;
    private const int Vocabulary = 20_000;

    public static void Run(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        var options = new DatabaseOptions { Path = folder, Durability = Durability.Os };
        using (var database = VectorDatabase.OpenAsync(options).GetAwaiter().GetResult())
        {
            var collection = database.GetDynamicCollection("texts", new CollectionDefinition { Key = KeyKind.Integer, Data = [new DataField("text", DataKind.Text) { IsFullTextIndexed = true, Stemming = Stemming.English }] });
            collection.EnsureCollectionExistsAsync().GetAwaiter().GetResult();
            var random = new Random(1);
            for (var row = 0; row < Rows; row += 1000)
            {
                collection.UpsertAsync(Enumerable.Range(row, 1000).Select(key => new Dictionary<string, object?> { ["Key"] = (long)key, ["text"] = Text(random) })).GetAwaiter().GetResult();
            }

            for (var round = 1; round <= 4; round++)
            {
                Console.WriteLine($"compacted in {Seconds(() => database.CompactAsync().GetAwaiter().GetResult()):f2} s");
            }
        }

        Console.WriteLine($"opened in {Seconds(() => VectorDatabase.OpenAsync(options).GetAwaiter().GetResult().Dispose()):f2} s");
    }

    // Rare words are rarer by far than frequent ones, as in a language.
    private static string Text(Random random) => string.Join(' ', Enumerable.Range(0, Length).Select(_ => $"word{(int)Math.Pow(Vocabulary, random.NextDouble())}s"));

    private static double Seconds(Action act)
    {
        var start = Stopwatch.GetTimestamp();
        act();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
