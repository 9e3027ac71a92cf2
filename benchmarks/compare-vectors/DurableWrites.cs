using System.Diagnostics;
using System.Runtime.InteropServices;
using Abi.Database;
using Microsoft.Win32.SafeHandles;

namespace Abi.CompareVectors;

/// <summary>
/// Durable commits a second, beside what the disk gives to anybody who writes and flushes, in turn in one run: 4 KiB in place in a file written beforehand, and the bytes of a commit
/// appended to one. Every commit is one record with a vector of 100 floats.
/// </summary>
internal static partial class DurableWrites
{
    private const int CommitBytes = 32 + 456; // what a commit of one record takes in the log

    public static void Run(string folder)
    {
        Directory.CreateDirectory(folder);
        Writers(Path.Combine(folder, "one"), 1, 0.5); // brings code in
        for (var round = 1; round <= 3; round++)
        {
            var raw = Raw(Path.Combine(folder, "raw"), 4096, 2);
            var append = Raw(Path.Combine(folder, "raw"), CommitBytes, 2);
            var one = Writers(Path.Combine(folder, "one"), 1, 2);
            var many = Writers(Path.Combine(folder, "many"), 64, 3);
            Console.WriteLine($"round {round}: raw 4 KiB {raw:f0}/s, raw {CommitBytes} bytes {append:f0}/s, one writer {one:f0}/s ({one / raw:f2} and {one / append:f2}), 64 writers {many:f0} records/s");
        }
    }

    private static double Raw(string path, int bytes, double seconds)
    {
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite);
        const int FileBytes = 4 << 20;
        RandomAccess.Write(file, new byte[FileBytes], 0);
        var block = new byte[bytes];

        RandomAccess.FlushToDisk(file);
        var watch = Stopwatch.StartNew();
        var count = 0;
        for (; watch.Elapsed.TotalSeconds < seconds; count++)
        {
            RandomAccess.Write(file, block, count % (FileBytes / bytes) * (long)bytes);
            _ = FDataSync(file);
        }

        return count / watch.Elapsed.TotalSeconds;
    }

    private static double Writers(string path, int writers, double seconds)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }

        using var database = VectorDatabase.OpenAsync(path).GetAwaiter().GetResult();
        var definition = new CollectionDefinition { Key = KeyKind.Integer, KeyName = "Id", Vectors = [new VectorField("Vector", 100)] };
        var collection = database.GetCollection<long, Own.Row>("rows", definition);
        collection.EnsureCollectionExistsAsync().GetAwaiter().GetResult();
        var vector = new float[100];
        Array.Fill(vector, 1);
        var watch = Stopwatch.StartNew();
        long count = 0;
        Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            for (long i = writer; watch.Elapsed.TotalSeconds < seconds; i += writers)
            {
                await collection.UpsertAsync(new Own.Row { Id = i, Vector = vector }).ConfigureAwait(false);
                Interlocked.Increment(ref count);
            }
        }))).GetAwaiter().GetResult();
        return count / watch.Elapsed.TotalSeconds;
    }

    [LibraryImport("libc", EntryPoint = "fdatasync")]
    private static partial int FDataSync(SafeFileHandle file);
}
