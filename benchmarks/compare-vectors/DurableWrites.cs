using System.Diagnostics;
using System.Runtime.InteropServices;
using Abi.Database;
using Microsoft.Win32.SafeHandles;

namespace Abi.CompareVectors;

/// <summary>Durable commits a second, beside what the disk gives to anybody: 4 KiB written over in place and flushed, in turn in one run.</summary>
internal static partial class DurableWrites
{
    public static void Run(string folder)
    {
        Directory.CreateDirectory(folder);
        for (var round = 1; round <= 3; round++)
        {
            var raw = Raw(Path.Combine(folder, "raw"), 2);
            var one = Writers(Path.Combine(folder, "one"), 1, 2);
            var many = Writers(Path.Combine(folder, "many"), 64, 3);
            Console.WriteLine($"round {round}: raw {raw:f0}/s, one writer {one:f0}/s ({one / raw:f2}), 64 writers {many:f0} records/s");
        }
    }

    private static double Raw(string path, double seconds)
    {
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite);
        var block = new byte[4096];
        const int Blocks = 1024;
        for (var i = 0; i < Blocks; i++)
        {
            RandomAccess.Write(file, block, i * 4096L);
        }

        RandomAccess.FlushToDisk(file);
        var watch = Stopwatch.StartNew();
        var count = 0;
        for (; watch.Elapsed.TotalSeconds < seconds; count++)
        {
            RandomAccess.Write(file, block, count % Blocks * 4096L);
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
