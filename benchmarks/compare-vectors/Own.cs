using System.Diagnostics;
using Abi.Database;

namespace Abi.CompareVectors;

/// <summary>The same measurements through the public interface of Abi.Database: keys and scores out, as the peer gives labels and distances.</summary>
internal sealed class Own(VectorSet set, string folder, DistanceFunction function, bool isQuantized = false, IndexKind indexKind = IndexKind.Hnsw) : IDisposable
{
    private VectorDatabase? _database;
    private VectorCollection<long, Row>? _collection;

    public (double Seconds, double Cpu) Build(int threads)
    {
        Close();
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Collect();
        var (watch, cpu) = (Stopwatch.StartNew(), Process.GetCurrentProcess().TotalProcessorTime);
        Open(threads);
        var definition = new CollectionDefinition
        {
            Key = KeyKind.Integer,
            KeyName = "Id",
            Vectors = [new VectorField("Vector", set.Dimensions) { DistanceFunction = function, IndexKind = indexKind, IsQuantized = isQuantized }],
        };
        _collection = _database!.GetCollection<long, Row>("rows", definition);
        _collection.EnsureCollectionExistsAsync().GetAwaiter().GetResult();
        foreach (var rows in Enumerable.Range(0, set.Rows).Chunk(1000))
        {
            _collection.UpsertAsync(rows.Select(row => new Row { Id = row, Vector = set.Base.AsMemory(row * set.Dimensions, set.Dimensions) })).GetAwaiter().GetResult();
        }

        _database.WaitForIndexAsync().GetAwaiter().GetResult();
        return (watch.Elapsed.TotalSeconds, (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds);
    }

    /// <summary>Closes and opens it again: as a program finds it.</summary>
    /// <returns>Seconds of closing and of opening, and the bytes a vector that opening and searching took: all that is resident, and what of it is private (no mapped file).</returns>
    public (double Close, double Open, double Resident, double Private) Reopen()
    {
        var watch = Stopwatch.StartNew();
        Close();
        var close = watch.Elapsed.TotalSeconds;
        Collect();
        var before = Resident();
        var privateBefore = Private();
        watch.Restart();
        Open(1);
        _collection = _database!.GetCollection<long, Row>("rows");
        _collection.SearchKeys(set.Queries.AsSpan(0, set.Dimensions), 10);
        var open = watch.Elapsed.TotalSeconds;
        Search(64, 1);
        Collect();
        return (close, open, (Resident() - before) / (double)set.Rows, (Private() - privateBefore) / (double)set.Rows);
    }

    public (double Rate, double Recall) Search(int effort, int rounds) => Measure(new VectorSearchOptions { Effort = effort }, set.QueryCount, rounds);

    public double Scan(int rounds) => Measure(new VectorSearchOptions { IsExact = true }, Math.Min(200, set.QueryCount), rounds).Rate;

    public void Dispose() => Close();

    private (double Rate, double Recall) Measure(VectorSearchOptions options, int queries, int rounds)
    {
        var (best, hits) = (double.MaxValue, 0);
        for (var round = 0; round < rounds; round++)
        {
            hits = 0;
            var watch = Stopwatch.StartNew();
            for (var i = 0; i < queries; i++)
            {
                foreach (var match in _collection!.SearchKeys(set.Queries.AsSpan(i * set.Dimensions, set.Dimensions), 10, options))
                {
                    hits += set.Truth.AsSpan(i * set.TruthColumns, 10).Contains((int)match.Key) ? 1 : 0;
                }
            }

            best = Math.Min(best, watch.Elapsed.TotalSeconds);
        }

        return (queries / best, hits / (10.0 * queries));
    }

    private void Open(int threads) => _database = VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder, Durability = Durability.Os, IndexThreads = threads, ScanThreads = 1, CheckpointBytes = 1L << 40 }).GetAwaiter().GetResult();

    private void Close()
    {
        _database?.Dispose();
        _database = null;
        _collection = null;
    }

    private static void Collect()
    {
        for (var i = 0; i < 2; i++)
        {
            GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }
    }

    private static long Private() =>
        1024 * long.Parse(File.ReadLines("/proc/self/status").Single(line => line.StartsWith("RssAnon:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture);

    private static long Resident()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    public sealed class Row
    {
        [RecordKey]
        public long Id { get; set; }

        [RecordVector(1)] // the definition given says how many
        public ReadOnlyMemory<float> Vector { get; set; }
    }
}
