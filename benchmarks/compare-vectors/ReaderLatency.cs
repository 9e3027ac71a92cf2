using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Abi.Database;
using Microsoft.Win32.SafeHandles;

namespace Abi.CompareVectors;

/// <summary>
/// How long a search takes while nothing else happens; while writers commit durably as fast as they can, graphs grow and checkpoints are made; and, as a control, beside threads that have nothing of a
/// database: one that writes as often, as much, and flushes, alone and together with some that compute as much as the writers did. The same reader in turn, in one run.
/// It asks at a fixed rate, so that what it waits for a core counts.
/// </summary>
internal static partial class ReaderLatency
{
    private const int Rows = 30_000;
    private const int Searches = 3000;
    private const double Every = 0.001; // seconds
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
        Read(collection); // brings code in
        _ = BesideWriters(collection, 0); // that of the writers, which is compiled anew while it runs
        database.WaitForIndexAsync().GetAwaiter().GetResult();
        database.CheckpointAsync().GetAwaiter().GetResult();
        for (var round = 1; round <= 3; round++)
        {
            var idle = Read(collection);
            Console.WriteLine($"round {round}: idle {idle}");
            var (own, load, text) = BesideWriters(collection, round);
            Report("beside durable writes", own, idle, text);
            database.WaitForIndexAsync().GetAwaiter().GetResult();
            database.CheckpointAsync().GetAwaiter().GetResult();
            var path = Path.Combine(folder, "control.tmp");
            Report("control, flushes", Beside(collection, load, path, computes: false), idle, $"{load.Writes:f0} writes of {load.Bytes:f0} bytes a second");
            Report("control, flushes and computing", Beside(collection, load, path, computes: true), idle, $"{load.Cores:f2} cores");
        }
    }

    private static (Reading Reading, Load Load, string Text) BesideWriters(VectorCollection<long, Own.Row> collection, int round)
    {
        using var stop = new CancellationTokenSource();
        long written = 0;
        var (collections, paused) = (GC.CollectionCount(0), GC.GetTotalPauseDuration());
        var (writes, bytes) = Written();
        var (watch, processor) = (Stopwatch.StartNew(), Process.GetCurrentProcess().TotalProcessorTime);
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
        var reading = Read(collection);
        var seconds = watch.Elapsed.TotalSeconds;
        var cores = ((Process.GetCurrentProcess().TotalProcessorTime - processor).TotalSeconds - (reading.Ran / 1000)) / seconds;
        var (laterWrites, laterBytes) = Written();
        stop.Cancel();
        (collections, paused) = (GC.CollectionCount(0) - collections, GC.GetTotalPauseDuration() - paused);
        var rate = Interlocked.Read(ref written) / seconds;
        Task.WaitAll(writers);
        var load = new Load((laterWrites - writes) / seconds, (laterBytes - bytes) / Math.Max(1.0, laterWrites - writes), cores);
        return (reading, load, $"{rate:f0} writes/s, {collections} collections paused {paused.TotalMilliseconds:f1} ms");
    }

    private static Reading Beside(VectorCollection<long, Own.Row> collection, Load load, string path, bool computes)
    {
        using var stop = new CancellationTokenSource();
        List<Thread> threads = [new(() => WriteAndFlush(load, path, stop.Token))];
        for (var left = computes ? load.Cores : 0; left > 0; left--)
        {
            var share = Math.Min(1, left);
            threads.Add(new Thread(() => Compute(share, stop.Token)));
        }

        threads.ForEach(thread => thread.Start());
        var reading = Read(collection);
        stop.Cancel();
        threads.ForEach(thread => thread.Join());
        File.Delete(path);
        return reading;
    }

    private static void WriteAndFlush(Load load, string path, CancellationToken stop)
    {
        const int FileBytes = 4 << 20;
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite);
        RandomAccess.Write(file, new byte[FileBytes], 0);
        RandomAccess.FlushToDisk(file);
        var block = new byte[Math.Min(FileBytes, (int)load.Bytes)];
        var watch = Stopwatch.StartNew();
        for (var count = 0; !stop.IsCancellationRequested; count++)
        {
            if ((count / load.Writes) - watch.Elapsed.TotalSeconds is var left && left > 0)
            {
                _ = Sleep((uint)(left * 1e6));
            }

            RandomAccess.Write(file, block, count % (FileBytes / block.Length) * (long)block.Length);
            _ = FDataSync(file);
        }
    }

    // A share of a core, in pieces of 10 ms.
    private static void Compute(double share, CancellationToken stop)
    {
        const double Piece = 0.01;
        var (watch, sum) = (Stopwatch.StartNew(), 1u);
        for (var piece = 0; !stop.IsCancellationRequested; piece++)
        {
            while (watch.Elapsed.TotalSeconds < (piece + share) * Piece)
            {
                for (var i = 0; i < 1000; i++)
                {
                    sum = (sum * 1664525) + 1013904223;
                }
            }

            if (((piece + 1) * Piece) - watch.Elapsed.TotalSeconds is var left && left > 0 && share < 1)
            {
                _ = Sleep((uint)(left * 1e6));
            }
        }

        GC.KeepAlive(sum);
    }

    private static Reading Read(VectorCollection<long, Own.Row> collection)
    {
        var (times, punctual) = (new double[Searches], new double[Searches]);
        var (ran, ready, blocked) = (0.0, 0.0, 0.0);
        List<double> waits = [];
        var stolen = Stolen();
        var thread = new Thread(() =>
        {
            var random = new Random(7);
            using var schedule = File.Exists(Schedule) ? File.OpenHandle(Schedule) : null;
            var begun = Scheduled(schedule);
            var (last, free) = (begun, 0.0);
            var watch = Stopwatch.StartNew();
            for (var i = 0; i < Searches; i++)
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

                var before = Scheduled(schedule);
                begin = watch.Elapsed.TotalSeconds;
                if (collection.SearchKeys(Vector(random), 10, new VectorSearchOptions { Effort = 64 }).Count != 10)
                {
                    throw new InvalidOperationException("A search gave too little.");
                }

                var end = watch.Elapsed.TotalSeconds;
                times[i] = (end - due) * 1e6;
                var after = Scheduled(schedule);
                // Had it been woken when it was due, it would have waited for those before it and for a core.
                free = Math.Max(i * Every, free) + (((end - begin) * 1e3) + before.Ready - last.Ready) / 1e3;
                punctual[i] = (free - (i * Every)) * 1e6;
                waits.AddRange(((double[])[before.Ready - last.Ready, after.Ready - before.Ready]).Where(wait => wait > Every * 1e3));
                last = after;
                blocked += Math.Max(0, ((end - begin) * 1e3) - (after.Ran - before.Ran) - (after.Ready - before.Ready));
            }

            var all = Scheduled(schedule);
            (ran, ready) = (all.Ran - begun.Ran, all.Ready - begun.Ready);
        });
        thread.Start();
        thread.Join();
        Array.Sort(times);
        Array.Sort(punctual);
        return new Reading(times, punctual, ran, ready, blocked, Stolen() - stolen, waits);
    }

    // Milliseconds that the calling thread ran, and was ready to run and had no core; not a number where the system does not tell.
    private static (double Ran, double Ready) Scheduled(SafeFileHandle? schedule)
    {
        if (schedule is null)
        {
            return (double.NaN, double.NaN);
        }

        Span<byte> text = stackalloc byte[128];
        var fields = Encoding.ASCII.GetString(text[..RandomAccess.Read(schedule, text, 0)]).Split(' ');
        const int ThreadTime = 3; // CLOCK_THREAD_CPUTIME_ID: the file's own is behind by up to a turn
        _ = GetTime(ThreadTime, out var time);
        return ((time.Seconds * 1e3) + (time.Nanoseconds / 1e6), double.Parse(fields[1], CultureInfo.InvariantCulture) / 1e6);
    }

    // Calls that wrote, and the bytes of them, by this process.
    private static (long Writes, long Bytes) Written()
    {
        const string Path = "/proc/self/io";
        var lines = File.Exists(Path) ? File.ReadAllLines(Path) : throw new PlatformNotSupportedException("The control takes the rate of writes from /proc/self/io, which only Linux has.");
        long Value(string name) => long.Parse(lines.First(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..], CultureInfo.InvariantCulture);
        return (Value("syscw:"), Value("wchar:"));
    }

    // Milliseconds that the host of a virtual machine kept its cores away.
    private static double Stolen()
    {
        const string Path = "/proc/stat"; // in hundredths of a second
        return File.Exists(Path) ? double.Parse(File.ReadLines(Path).First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[8], CultureInfo.InvariantCulture) * 10 : double.NaN;
    }

    private static void Report(string what, Reading reading, Reading idle, string text) =>
        Console.WriteLine($"  {what} ({text}): {reading}, ratio of p99 {reading.At(0.99) / idle.At(0.99):f2}, {Reading.At(reading.Punctual, 0.99) / Reading.At(idle.Punctual, 0.99):f2} without late awakenings");

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int Sleep(uint microseconds);

    [LibraryImport("libc", EntryPoint = "fdatasync")]
    private static partial int FDataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out Time time);

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

    private const string Schedule = "/proc/thread-self/schedstat"; // nanoseconds run, nanoseconds waited, turns

    [StructLayout(LayoutKind.Sequential)]
    private struct Time
    {
        public nint Seconds;
        public nint Nanoseconds;
    }

    /// <summary>What the writers asked of the machine: calls that write a second, bytes of each, and cores.</summary>
    private sealed record Load(double Writes, double Bytes, double Cores);

    /// <summary>Sorted times in microseconds, from when a search was due until it was answered, and what they would be had the system woken the reader on time; the milliseconds that the reader ran, was ready and had no core, and, within searches, had neither (blocked, or its core taken by the host); and each wait for a core that was longer than a search is due: all that are due meanwhile wait with it, so that one of 30 ms makes the 99th percentile of 3 s.</summary>
    private sealed record Reading(double[] Times, double[] Punctual, double Ran, double Ready, double Blocked, double Stolen, List<double> Waits)
    {
        public double At(double share) => At(Times, share);

        public static double At(double[] sorted, double share) => sorted[(int)(share * (sorted.Length - 1))];

        public override string ToString() => $"p50 {At(0.5):f0} µs, p99 {At(0.99):f0} µs, p99.9 {At(0.999):f0} µs, longest {Times[^1]:f0} µs; without late awakenings p50 {At(Punctual, 0.5):f0} µs, p99 {At(Punctual, 0.99):f0} µs; of {Times.Length * Every:f0} s it ran {Ran:f0} ms, waited for a core {Ready:f0} ms ({Waits.Count} times longer than {Every * 1e3:f0} ms, {Waits.DefaultIfEmpty().Max():f1} ms at the longest), was blocked {Blocked:f0} ms, the host took {Stolen:f0} ms of all cores";
    }
}
