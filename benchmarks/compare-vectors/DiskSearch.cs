using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Abi.Database;

namespace Abi.CompareVectors;

/// <summary>Vectors on disk: built by one process, searched by another, which can be given little memory or files that are in no cache.</summary>
internal static partial class DiskSearch
{
    private const int Queries = 500;
    private const int DontNeed = 4; // POSIX_FADV_DONTNEED

    /// <summary>Makes a database of a set and writes some queries and their true nearest beside it.</summary>
    /// <param name="fixtures">Where the sets are.</param>
    /// <param name="folder">Where the database goes.</param>
    /// <param name="name">synth, or how many rows of word vectors and noisy copies of them.</param>
    /// <param name="kind">The index.</param>
    /// <param name="effort">How thoroughly it is made.</param>
    /// <param name="isEncrypted">Whether the database is encrypted.</param>
    public static void Build(string fixtures, string folder, string name, IndexKind kind, int effort, bool isEncrypted)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        var set = name == "synth" ? VectorSet.Synthetic(fixtures) : VectorSet.Words(fixtures, isCosine: true);
        set = set with { Queries = set.Queries[..(Queries * set.Dimensions)], Truth = set.Truth[..(Queries * set.TruthColumns)] };
        set = name != "synth" && int.Parse(name, CultureInfo.InvariantCulture) is var rows && rows > set.Rows ? set.Enlarge(rows, isCosine: true) : set;
        File.WriteAllBytes(Path.Combine(folder, "queries"), MemoryMarshal.AsBytes(set.Queries.AsSpan()).ToArray());
        File.WriteAllBytes(Path.Combine(folder, "truth"), MemoryMarshal.AsBytes(set.Truth.AsSpan()).ToArray());
        var (watch, cpu) = (Stopwatch.StartNew(), Process.GetCurrentProcess().TotalProcessorTime);
        using (var database = Open(folder, 0, isEncrypted, 0))
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

    /// <summary>Searches with growing effort, and says what is read and resident meanwhile. Vectors stay in the mapped file with every index.</summary>
    /// <param name="folder">Where the database was made.</param>
    /// <param name="isCold">Whether the database is opened anew for each effort, with files that are in no cache, and each query is asked once; else four rounds, of which the best counts.</param>
    /// <param name="decryptedBytes">The most decrypted bytes of an encrypted database; 0: half of the memory.</param>
    public static void Search(string folder, bool isCold, long decryptedBytes)
    {
        VectorDatabase Reopen() => Open(folder, 1, File.Exists(Path.Combine(folder, "abi", "abi.keys")), decryptedBytes);
        var queries = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Path.Combine(folder, "queries"))).ToArray();
        var truth = MemoryMarshal.Cast<byte, int>(File.ReadAllBytes(Path.Combine(folder, "truth"))).ToArray();
        Collect();
        var before = Status("RssAnon");
        int[] efforts = [16, 32, 64, 128, 256, 512];
        if (isCold)
        {
            BringCodeIn(Reopen(), queries, truth);
            foreach (var effort in efforts)
            {
                Collect(); // what was mapped stays in the cache
                Measure(Reopen(), folder, queries, truth, [effort], 1, before);
            }
        }
        else
        {
            Measure(Reopen(), null, queries, truth, efforts, 4, before);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void BringCodeIn(VectorDatabase database, float[] queries, int[] truth)
    {
        var collection = database.GetCollection<long, Own.Row>("rows");
        Console.WriteLine($"{collection.GetStatistics().Count} records, {collection.GetStatistics().Vectors[0]}");
        _ = Round(collection, queries[..(queries.Length / 10)], truth, 16);
        database.Dispose();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Measure(VectorDatabase database, string? evicted, float[] queries, int[] truth, int[] efforts, int rounds, long privateBefore)
    {
        var collection = database.GetCollection<long, Own.Row>("rows");
        if (evicted is not null)
        {
            Evict(evicted);
        }

        foreach (var effort in efforts)
        {
            var (first, best, read, recall) = (0.0, double.MaxValue, 0L, 0.0);
            for (var round = 0; round < rounds; round++)
            {
                var readBefore = ReadBytes();
                var watch = Stopwatch.StartNew();
                recall = Round(collection, queries, truth, effort);
                read = ReadBytes() - readBefore;
                first = round == 0 ? watch.Elapsed.TotalSeconds : first;
                best = Math.Min(best, watch.Elapsed.TotalSeconds);
            }

            Console.WriteLine($"effort {effort,4}: recall {recall:f4}, {Queries / best:f0} queries/s, in the first round {Queries / first:f0}; read {read / 1024.0 / Queries:f0} KiB a query in the last; private {(Status("RssAnon") - privateBefore) / (1 << 20)} MiB, mapped {Status("RssFile") / (1 << 20)} MiB");
        }

        database.Dispose();
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    private static double Round(VectorCollection<long, Own.Row> collection, float[] queries, int[] truth, int effort)
    {
        var (dimensions, columns, hits) = (collection.GetStatistics().Definition.Vectors[0].Dimensions, truth.Length / Queries, 0);
        var options = new VectorSearchOptions { Effort = effort };
        var count = queries.Length / dimensions;
        for (var i = 0; i < count; i++)
        {
            foreach (var match in collection.SearchKeys(queries.AsSpan(i * dimensions, dimensions), 10, options))
            {
                hits += truth.AsSpan(i * columns, 10).Contains((int)match.Key) ? 1 : 0;
            }
        }

        return hits / (10.0 * count);
    }

    private static VectorDatabase Open(string folder, long vectorMemoryBytes, bool isEncrypted, long decryptedBytes)
    {
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        return VectorDatabase.OpenAsync(new DatabaseOptions
        {
            Path = Path.Combine(folder, "abi"), Durability = Durability.Os, IndexThreads = 2, ScanThreads = 1, VectorMemoryBytes = vectorMemoryBytes, EncryptionKey = key, DecryptedBytes = decryptedBytes,
        }).GetAwaiter().GetResult();
    }

    private static long Status(string name) =>
        1024 * long.Parse(File.ReadLines("/proc/self/status").Single(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    // From the disk, through maps, too.
    private static long ReadBytes() =>
        long.Parse(File.ReadLines("/proc/self/io").Single(line => line.StartsWith("read_bytes:", StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);

    // Pages that are in no page table go; others stay.
    private static void Evict(string folder)
    {
        foreach (var path in Directory.GetFiles(Path.Combine(folder, "abi")).Where(path => !path.EndsWith(".lock", StringComparison.Ordinal)))
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
            RandomAccess.FlushToDisk(file);
            _ = Advise(file, 0, 0, DontNeed);
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(Microsoft.Win32.SafeHandles.SafeFileHandle file, nint offset, nint length, int advice);
}
