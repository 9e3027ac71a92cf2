using System.Diagnostics;
using System.IO.MemoryMappedFiles;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Abi.Compare;

/// <summary>How fast threads read a mapped file that is in the page cache: the ceiling of decoding, measured between the runs it is compared with.</summary>
internal static unsafe class ReadBandwidth
{
    /// <summary>Gigabytes a second: the median of passes over the whole file.</summary>
    public static double Measure(string path, int threads, TimeSpan duration)
    {
        using var file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        using var view = file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        try
        {
            var length = new FileInfo(path).Length / 64 / threads * 64 * threads;
            Pass(start, length, threads);
            List<double> passes = [];
            var total = Stopwatch.StartNew();
            while (total.Elapsed < duration)
            {
                var pass = Stopwatch.StartNew();
                Pass(start, length, threads);
                passes.Add(length / pass.Elapsed.TotalSeconds / 1e9);
            }

            passes.Sort();
            return passes[passes.Count / 2];
        }
        finally
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
    }

    private static void Pass(byte* start, long length, int threads)
    {
        var part = length / threads;
        long sum = 0;
        var workers = Enumerable.Range(0, threads).Select(i => new Thread(() => Interlocked.Add(ref sum, Sum(start + (i * part), part)))).ToArray();
        Array.ForEach(workers, worker => worker.Start());
        Array.ForEach(workers, worker => worker.Join());
        GC.KeepAlive(sum);
    }

    private static long Sum(byte* start, long length)
    {
        var (a, b, c, d) = (Vector<long>.Zero, Vector<long>.Zero, Vector<long>.Zero, Vector<long>.Zero);
        var step = Vector<byte>.Count;
        long i = 0;
        for (; i + (4 * step) <= length; i += 4 * step)
        {
            a += Unsafe(start + i);
            b += Unsafe(start + i + step);
            c += Unsafe(start + i + (2 * step));
            d += Unsafe(start + i + (3 * step));
        }

        return Vector.Sum(a + b + c + d);

        static Vector<long> Unsafe(byte* p) => MemoryMarshal.Read<Vector<long>>(new ReadOnlySpan<byte>(p, Vector<byte>.Count));
    }
}
