using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Abi.Database;

namespace Abi.CompareVectors;

/// <summary>The graph on disk: built by one process, searched by another, which can be given little memory.</summary>
internal static class DiskSearch
{
    private const int Queries = 200;

    /// <summary>Makes a database of word vectors and noisy copies of them, and writes the true nearest of some queries beside it.</summary>
    public static void Build(string fixtures, string folder, int rows, IndexKind kind, int effort)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        var set = VectorSet.Words(fixtures, isCosine: true);
        set = set with { Queries = set.Queries[..(Queries * set.Dimensions)], Truth = set.Truth[..(Queries * set.TruthColumns)] };
        set = rows > set.Rows ? set.Enlarge(rows, isCosine: true) : set;
        File.WriteAllBytes(Path.Combine(folder, "truth"), MemoryMarshal.AsBytes(set.Truth.AsSpan()));
        var (watch, cpu) = (Stopwatch.StartNew(), Process.GetCurrentProcess().TotalProcessorTime);
        using (var database = Open(folder))
        {
            var definition = new CollectionDefinition
            {
                Key = KeyKind.Integer,
                KeyName = "Id",
                Vectors = [new VectorField("Vector", set.Dimensions) { IndexKind = kind, ConstructionEffort = effort }],
            };
            var collection = database.GetCollection<long, Own.Row>("rows", definition);
            collection.EnsureCollectionExistsAsync().GetAwaiter().GetResult();
            foreach (var some in Enumerable.Range(0, set.Rows).Chunk(1000))
            {
                collection.UpsertAsync(some.Select(row => new Own.Row { Id = row, Vector = set.Base.AsMemory(row * set.Dimensions, set.Dimensions) })).GetAwaiter().GetResult();
            }

            Console.WriteLine($"written after {watch.Elapsed.TotalSeconds:f0} s");
            if (kind == IndexKind.DiskAnn)
            {
                database.CheckpointAsync().GetAwaiter().GetResult(); // what is not linked in memory yet is merged without that
            }

            database.WaitForIndexAsync().GetAwaiter().GetResult();
        }

        Console.WriteLine($"{set.Rows} × {set.Dimensions}, {kind}: built in {watch.Elapsed.TotalSeconds:f0} s, {(Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds:f0} s CPU");
    }

    /// <summary>Searches with growing effort, and says what is resident meanwhile.</summary>
    public static void Search(string fixtures, string folder)
    {
        var set = VectorSet.Words(fixtures, isCosine: true);
        var truth = MemoryMarshal.Cast<byte, int>(File.ReadAllBytes(Path.Combine(folder, "truth"))).ToArray();
        var columns = truth.Length / Queries;
        var queries = set.Queries[..(Queries * set.Dimensions)];
        set = null!;
        GC.Collect();
        var before = Status("RssAnon");
        var watch = Stopwatch.StartNew();
        using var database = Open(folder);
        var collection = database.GetCollection<long, Own.Row>("rows");
        Console.WriteLine($"opened in {watch.Elapsed.TotalSeconds:f2} s: {collection.GetStatistics().Count} records, {collection.GetStatistics().Vectors[0]}");
        foreach (var effort in new[] { 16, 32, 64, 128, 256, 512 })
        {
            var (first, best, hits) = (0.0, double.MaxValue, 0);
            for (var round = 0; round < 4; round++)
            {
                hits = 0;
                watch.Restart();
                for (var i = 0; i < Queries; i++)
                {
                    foreach (var match in collection.SearchKeys(queries.AsSpan(i * 100, 100), 10, new VectorSearchOptions { Effort = effort }))
                    {
                        hits += truth.AsSpan(i * columns, 10).Contains((int)match.Key) ? 1 : 0;
                    }
                }

                first = round == 0 ? watch.Elapsed.TotalSeconds : first;
                best = Math.Min(best, watch.Elapsed.TotalSeconds);
            }

            Console.WriteLine($"effort {effort,4}: recall {hits / (10.0 * Queries):f4}, {Queries / best:f0} queries/s, in the first round {Queries / first:f0}; private {(Status("RssAnon") - before) / (1 << 20)} MiB, mapped {Status("RssFile") / (1 << 20)} MiB");
        }
    }

    private static VectorDatabase Open(string folder) =>
        VectorDatabase.OpenAsync(new DatabaseOptions { Path = Path.Combine(folder, "abi"), Durability = Durability.Os, IndexThreads = 2, ScanThreads = 1 }).GetAwaiter().GetResult();

    private static long Status(string name) =>
        1024 * long.Parse(File.ReadLines("/proc/self/status").Single(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
