using System.Diagnostics;
using System.Runtime.InteropServices;
using Abi.Database;

namespace Abi.CompareVectors;

/// <summary>
/// How long a search takes while nothing else happens, and while writers commit durably as fast as they can, graphs grow and checkpoints are made: the same reader, in turn, in one run.
/// It asks at a fixed rate, so that what it waits for a core counts.
/// </summary>
internal static partial class ReaderLatency
{
    private const int Rows = 30_000;
    public const int Dimensions = 100;

    public static void Run(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        using var database = VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder, CheckpointBytes = 16 << 20 }).GetAwaiter().GetResult();
        var definition = new CollectionDefinition { Key = KeyKind.Integer, KeyName = "Id", Vectors = [new VectorField("Vector", Dimensions)] };
        var collection = database.GetCollection<long, Own.Row>("rows", definition);
        collection.EnsureCollectionExistsAsync().GetAwaiter().GetResult();
        var random = new Random(1);
        foreach (var batch in Enumerable.Range(0, Rows).Chunk(1000))
        {
            collection.UpsertAsync(batch.Select(i => new Own.Row { Id = i, Vector = Vector(random) })).GetAwaiter().GetResult();
        }

        database.WaitForIndexAsync().GetAwaiter().GetResult();
        database.CheckpointAsync().GetAwaiter().GetResult();
        Read(collection, 2000); // brings code in
        for (var round = 1; round <= 3; round++)
        {
            var (idle, _) = Read(collection, 3000);
            using var stop = new CancellationTokenSource();
            long written = 0;
            var watch = Stopwatch.StartNew();
            var writers = Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
            {
                var own = new Random((round * 10) + writer);
                while (!stop.IsCancellationRequested)
                {
                    // New records and newer versions of old ones.
                    await collection.UpsertAsync(new Own.Row { Id = own.Next(2 * Rows), Vector = Vector(own) }).ConfigureAwait(false);
                    Interlocked.Increment(ref written);
                }
            })).ToArray();
            var (collections, paused) = (GC.CollectionCount(0), GC.GetTotalPauseDuration());
            var (busy, waited) = Read(collection, 3000);
            (collections, paused) = (GC.CollectionCount(0) - collections, GC.GetTotalPauseDuration() - paused);
            stop.Cancel();
            var rate = Interlocked.Read(ref written) / watch.Elapsed.TotalSeconds;
            Task.WaitAll(writers);
            database.WaitForIndexAsync().GetAwaiter().GetResult();
            Console.WriteLine($"round {round}: idle p50 {Of(idle, 0.5):f0} µs, p99 {Of(idle, 0.99):f0} µs; during {rate:f0} durable writes/s p50 {Of(busy, 0.5):f0} µs, p99 {Of(busy, 0.99):f0} µs (ratio {Of(busy, 0.99) / Of(idle, 0.99):f2}), p99.9 {Of(busy, 0.999):f0} µs; waited for a core for {waited:f0} ms, {collections} collections paused {paused.TotalMilliseconds:f1} ms");
        }
    }

    // Sorted times in microseconds, from when a search was due until it was answered; and the milliseconds that the reader was ready to run and had no core.
    private static (double[] Times, double Waited) Read(VectorCollection<long, Own.Row> collection, int searches)
    {
        const double Every = 0.001; // seconds
        var times = new double[searches];
        var waited = 0.0;
        var thread = new Thread(() =>
        {
            var random = new Random(7);
            var watch = Stopwatch.StartNew();
            for (var i = 0; i < searches; i++)
            {
                var due = i * Every;
                while (due - watch.Elapsed.TotalSeconds is var left && left > 0)
                {
                    _ = Sleep((uint)(left * 1e6)); // Thread.Sleep has whole milliseconds only, and for less gives the core away again and again, for which the system lets a thread wait later
                }

                // A sleeper is woken some tens of microseconds late; that is the system's, not the database's.
                var begin = watch.Elapsed.TotalSeconds;
                if (begin - due < Every)
                {
                    due = begin;
                }

                if (collection.SearchKeys(Vector(random), 10, new VectorSearchOptions { Effort = 64 }).Count != 10)
                {
                    throw new InvalidOperationException("A search gave too little.");
                }

                times[i] = (watch.Elapsed.TotalSeconds - due) * 1e6;
            }

            const string Schedule = "/proc/thread-self/schedstat"; // nanoseconds run, nanoseconds waited, turns
            waited = File.Exists(Schedule) ? long.Parse(File.ReadAllText(Schedule).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture) / 1e6 : double.NaN;
        });
        thread.Start();
        thread.Join();
        Array.Sort(times);
        return (times, waited);
    }

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int Sleep(uint microseconds);

    private static double Of(double[] sorted, double share) => sorted[(int)(share * (sorted.Length - 1))];

    /// <summary>A vector about one of 256 places, so that neighbours exist.</summary>
    public static float[] Vector(Random random)
    {
        var place = new Random(random.Next(256));
        var vector = new float[Dimensions];
        for (var i = 0; i < Dimensions; i++)
        {
            vector[i] = place.NextSingle() - 0.5f + (0.6f * (random.NextSingle() - 0.5f));
        }

        return vector;
    }
}
