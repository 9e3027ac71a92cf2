using System.Diagnostics;
using Abi.Database;

namespace Abi.CompareVectors;

/// <summary>
/// How long a collection of 100,000 vectors of 100 floats with a graph takes to be closed, with everything to be written and with nothing, and to be opened, first search included. Files are in the
/// system's cache, as they are after closing.
/// </summary>
internal static class OpenTimes
{
    private const int Rows = 100_000;

    public static void Run(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        var database = Open(folder);
        var definition = new CollectionDefinition { Key = KeyKind.Integer, KeyName = "Id", Vectors = [new VectorField("Vector", ReaderLatency.Dimensions)] };
        var collection = database.GetCollection<long, Own.Row>("rows", definition);
        collection.EnsureCollectionExistsAsync().GetAwaiter().GetResult();
        var random = new Random(1);
        Write(database, collection, 0, Rows, random);
        for (var round = 1; round <= 5; round++)
        {
            var watch = Stopwatch.StartNew();
            database.Dispose();
            var closeAll = watch.Elapsed.TotalSeconds;
            watch.Restart();
            database = Open(folder);
            var open = watch.Elapsed.TotalSeconds;
            collection = database.GetCollection<long, Own.Row>("rows");
            var found = collection.SearchKeys(ReaderLatency.Vector(random), 10);
            var search = watch.Elapsed.TotalSeconds;
            var linked = collection.GetStatistics().Vectors[0].Linked;
            watch.Restart();
            database.Dispose();
            var close = watch.Elapsed.TotalSeconds;
            Console.WriteLine($"round {round}: closed with all to write in {closeAll:f3} s; opened in {open:f3} s, with a first search ({found.Count} found, {linked} vectors in the graph) in {search:f3} s; closed with nothing to write in {close:f3} s");
            database = Open(folder);
            collection = database.GetCollection<long, Own.Row>("rows");
            Write(database, collection, 0, 5000, random); // enough for closing to write everything
        }

        database.Dispose();
    }

    private static VectorDatabase Open(string folder) => VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder, Durability = Durability.Os, IndexThreads = Environment.ProcessorCount, CheckpointBytes = 1L << 40 }).GetAwaiter().GetResult();

    private static void Write(VectorDatabase database, VectorCollection<long, Own.Row> collection, int from, int to, Random random)
    {
        foreach (var batch in Enumerable.Range(from, to - from).Chunk(1000))
        {
            collection.UpsertAsync(batch.Select(i => new Own.Row { Id = i, Vector = ReaderLatency.Vector(random) })).GetAwaiter().GetResult();
        }

        database.WaitForIndexAsync().GetAwaiter().GetResult();
    }
}
