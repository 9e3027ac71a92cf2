using System.Diagnostics;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Abi.CompareVectors;

/// <summary>
/// What fetching pages of 4 KiB costs that a walk needs, hop by hop, from a file in no cache and from one that is in the system's: through a map, with and without asking for a hop's pages beforehand,
/// and by explicit reads, one after another and of a hop at once by as many threads.
/// </summary>
internal static unsafe partial class PageReads
{
    private const int PageBytes = 4096;
    private const int Hop = 4; // pages that are wanted together
    private const int Hops = 2000;
    private const int RandomPages = 1; // MADV_RANDOM
    private const int NeededPages = 3; // MADV_WILLNEED
    private const int DontNeed = 4; // POSIX_FADV_DONTNEED

    public static void Run(string path)
    {
        var random = new Random(1);
        using var team = new ReadTeam(Hop);
        for (var round = 1; round <= 3; round++)
        {
            foreach (var (name, fetch) in new (string, Func<SafeFileHandle, nint, long[], long>)[]
            {
                ("map", (_, map, pages) => pages.Sum(page => (long)((byte*)map)[page * PageBytes])),
                ("map, asked for", Asked),
                ("reads, one by one", OneByOne),
                ("reads, at once", (file, _, pages) => team.Read(file, pages)),
            })
            {
                using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, FileOptions.RandomAccess);
                RandomAccess.FlushToDisk(file);
                _ = AdviseFile(file, 0, 0, DontNeed);
                var count = RandomAccess.GetLength(file) / PageBytes;
                var hops = Enumerable.Range(0, Hops).Select(_ => Enumerable.Range(0, Hop).Select(_ => random.NextInt64(count)).ToArray()).ToArray();
                Console.WriteLine($"round {round}, {name,-18}: {Microseconds(path, hops, file, fetch):f1} µs a page from the disk, {Microseconds(path, hops, file, fetch):f2} µs from the cache");
            }
        }
    }

    // Mapped anew each time, so that pages in the cache are not in the page table yet.
    private static double Microseconds(string path, long[][] hops, SafeFileHandle file, Func<SafeFileHandle, nint, long[], long> fetch)
    {
        using var mapped = MemoryMappedFile.CreateFromFile(path, FileMode.Open, mapName: null, 0, MemoryMappedFileAccess.Read);
        using var view = mapped.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* address = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref address);
        _ = AdviseMemory((nint)address, (nint)view.Capacity, RandomPages);
        var (watch, sum) = (Stopwatch.StartNew(), 0L);
        foreach (var hop in hops)
        {
            sum += fetch(file, (nint)address, hop);
        }

        var microseconds = watch.Elapsed.TotalMicroseconds / (Hops * Hop);
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        return sum >= 0 ? microseconds : throw new InvalidOperationException("Sums of bytes are not below 0.");
    }

    private static long Asked(SafeFileHandle file, nint map, long[] pages)
    {
        foreach (var page in pages)
        {
            _ = AdviseMemory(map + (nint)(page * PageBytes), PageBytes, NeededPages);
        }

        return pages.Sum(page => (long)((byte*)map)[page * PageBytes]);
    }

    private static long OneByOne(SafeFileHandle file, nint map, long[] pages)
    {
        Span<byte> page = stackalloc byte[PageBytes];
        long sum = 0;
        foreach (var number in pages)
        {
            _ = RandomAccess.Read(file, page, number * PageBytes);
            sum += page[0];
        }

        return sum;
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int AdviseFile(SafeFileHandle file, nint offset, nint length, int advice);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int AdviseMemory(nint address, nint length, int advice);

    /// <summary>Threads that wait for a page to read each.</summary>
    private sealed class ReadTeam : IDisposable
    {
        private readonly SemaphoreSlim[] _wanted;
        private readonly SemaphoreSlim _read = new(0);
        private readonly byte[] _first;
        private readonly Thread[] _threads;
        private SafeFileHandle? _file;
        private long[] _pages = [];

        public ReadTeam(int threads)
        {
            _first = new byte[threads];
            _wanted = [.. Enumerable.Range(0, threads).Select(_ => new SemaphoreSlim(0))];
            _threads = [.. Enumerable.Range(0, threads).Select(mine => new Thread(() => Work(mine)) { IsBackground = true })];
            Array.ForEach(_threads, thread => thread.Start());
        }

        public long Read(SafeFileHandle file, long[] pages)
        {
            (_file, _pages) = (file, pages);
            foreach (var wanted in _wanted)
            {
                wanted.Release();
            }

            for (var i = 0; i < _wanted.Length; i++)
            {
                _read.Wait();
            }

            return _first.Sum(one => (long)one);
        }

        public void Dispose()
        {
            _file = null;
            Array.ForEach(_wanted, wanted => wanted.Release());
            Array.ForEach(_threads, thread => thread.Join());
            Array.ForEach(_wanted, wanted => wanted.Dispose());
            _read.Dispose();
        }

        private void Work(int mine)
        {
            var page = new byte[PageBytes];
            while (true)
            {
                _wanted[mine].Wait();
                if (_file is not { } file)
                {
                    return;
                }

                _ = RandomAccess.Read(file, page, _pages[mine] * PageBytes);
                _first[mine] = page[0];
                _read.Release();
            }
        }
    }
}
