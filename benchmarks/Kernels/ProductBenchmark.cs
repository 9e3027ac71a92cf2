using System.Diagnostics;
using System.Numerics;
using Abi.Compute.Cpu.Products;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Memory;
using Abi.Compute.Tensors;

namespace Abi.Benchmarks;

/// <summary>Times products of one shape: so many matrices in turn that none stays in a cache, ranges of outputs claimed by the threads.</summary>
internal sealed unsafe class ProductBenchmark : IDisposable
{
    public const int Columns = 2048;

    private const int Whole = 5632;

    private const long LeastBytes = 200L << 20;

    private readonly int _threads;
    private readonly List<ProductMatrix> _matrices = [];
    private readonly List<Func<ProductMatrix>> _makers = [];
    private readonly List<NativeBuffer> _buffers = [];

    /// <summary>Makes the matrices.</summary>
    /// <param name="type">The format of the weights.</param>
    /// <param name="activations">What they meet.</param>
    /// <param name="repack">Whether they are packed.</param>
    /// <param name="threads">The threads.</param>
    /// <param name="outputs">0 for matrices that no cache holds; else those of one, small enough to stay in a cache, so that arithmetic alone is timed.</param>
    public ProductBenchmark(TensorType type, ActivationPrecision activations, RepackMode repack, int threads, int outputs = 0)
    {
        _threads = threads;
        Outputs = outputs == 0 ? Whole : outputs;
        var format = BlockFormat.Get(type);
        var rowBytes = (int)format.RowBytes(Columns);
        WeightBytes = (long)rowBytes * Outputs;
        var some = SomeRows(format, 16);
        for (var i = 0; i < (outputs == 0 ? (int)(LeastBytes / WeightBytes) + 1 : 1); i++)
        {
            var buffer = Take(WeightBytes);
            for (var row = 0; row < Outputs; row++)
            {
                some.AsSpan(row % 16 * rowBytes, rowBytes).CopyTo(new Span<byte>((byte*)buffer.Address + ((long)row * rowBytes), rowBytes));
            }

            var weight = new WeightTensor($"w{i}", type, [Columns, Outputs], buffer, 0);
            _makers.Add(() => ProductMatrices.Create(weight, 0, Outputs, activations, repack));
            _matrices.Add(_makers[i]());
        }
    }

    public int Outputs { get; }

    public long WeightBytes { get; }

    /// <summary>Median and least seconds of one product.</summary>
    public (double Median, double Best) Measure(int rows, double seconds)
    {
        var matrix = _matrices[0];
        var xLength = ActivationRows.ByteLength(matrix.Form, Columns);
        var x = Take((long)xLength * rows);
        var y = Take((long)rows * Outputs * sizeof(float));
        var values = new float[Columns];
        var random = new Random(1);
        for (var row = 0; row < rows; row++)
        {
            Array.ForEach(Enumerable.Range(0, Columns).ToArray(), i => values[i] = (float)((random.NextDouble() * 2) - 1));
            fixed (float* p = values)
            {
                ActivationRows.Prepare(matrix.Form, p, Columns, (byte*)x.Address + (row * xLength));
            }
        }

        var turns = Math.Max(8, 2 * _matrices.Count); // all of them twice before the clock starts, so that all are packed
        List<double> times = [];
        var total = 0d;
        var clock = new Stopwatch();
        var next = 0;
        var matrixIndex = 0;
        var stop = false;
        using var barrier = new Barrier(_threads, _ =>
        {
            if (clock.IsRunning && --turns < 0)
            {
                times.Add(clock.Elapsed.TotalSeconds);
                total += times[^1];
            }

            stop = total > seconds && times.Count > 4;
            (next, matrixIndex) = (0, (matrixIndex + 1) % _matrices.Count);
            clock.Restart();
        });
        var workers = Enumerable.Range(0, _threads).Select(_ => new Thread(() => Work(barrier, ref next, ref matrixIndex, ref stop, (byte*)x.Address, xLength, (float*)y.Address, rows))).ToArray();
        Array.ForEach(workers, worker => worker.Start());
        Array.ForEach(workers, worker => worker.Join());
        times.Sort();
        return (times[times.Count / 2], times[0]);
    }

    /// <summary>Median seconds of the first product of a new matrix, which packs each panel aside, with one row on one thread.</summary>
    public double MeasureFirst(double seconds)
    {
        var form = _matrices[0].Form;
        var x = Take(ActivationRows.ByteLength(form, Columns));
        var y = Take(Outputs * sizeof(float));
        var scratch = Take(_matrices[0].ScratchBytes);
        var row = (byte*)x.Address;
        var outputs = (float*)y.Address;
        fixed (float* values = new float[Columns])
        {
            ActivationRows.Prepare(form, values, Columns, row);
        }

        List<double> times = [];
        for (var i = 0; times.Sum() < seconds || times.Count < 5; i = (i + 1) % _matrices.Count)
        {
            _matrices[i].Dispose();
            _matrices[i] = _makers[i]();
            var start = Stopwatch.GetTimestamp();
            _matrices[i].Multiply(&row, &outputs, 1, 0, Outputs, (byte*)scratch.Address);
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        times.Sort();
        return times[times.Count / 2];
    }

    /// <summary>What all threads together read at most, in gigabytes a second.</summary>
    public static double ReadBandwidth(int threads, double seconds)
    {
        using var buffer = new NativeBuffer(512L << 20);
        new Span<byte>((void*)buffer.Address, int.MaxValue < buffer.Length ? int.MaxValue : (int)buffer.Length).Fill(1);
        List<double> rates = [];
        var total = Stopwatch.StartNew();
        while (total.Elapsed.TotalSeconds < seconds)
        {
            var clock = Stopwatch.StartNew();
            var part = buffer.Length / threads;
            var workers = Enumerable.Range(0, threads).Select(i => new Thread(() => Sum((byte*)buffer.Address + (i * part), part))).ToArray();
            Array.ForEach(workers, worker => worker.Start());
            Array.ForEach(workers, worker => worker.Join());
            rates.Add(buffer.Length / clock.Elapsed.TotalSeconds / 1e9);
        }

        rates.Sort();
        return rates[rates.Count / 2];
    }

    public void Dispose()
    {
        _matrices.ForEach(matrix => matrix.Dispose());
        _buffers.ForEach(buffer => buffer.Dispose());
    }

    private void Work(Barrier barrier, ref int next, ref int matrixIndex, ref bool stop, byte* x, int xLength, float* y, int rows)
    {
        using var scratch = new NativeBuffer(_matrices[0].ScratchBytes);
        var xs = stackalloc byte*[rows];
        var ys = stackalloc float*[rows];
        for (var row = 0; row < rows; row++)
        {
            xs[row] = x + ((long)row * xLength);
            ys[row] = y + ((long)row * Outputs);
        }

        barrier.SignalAndWait();
        while (!stop)
        {
            var matrix = _matrices[matrixIndex];
            var chunk = Math.Max(matrix.Granularity, 128 / matrix.Granularity * matrix.Granularity);
            while (Interlocked.Add(ref next, chunk) - chunk is var first && first < Outputs)
            {
                matrix.Multiply(xs, ys, rows, first, Math.Min(chunk, Outputs - first), (byte*)scratch.Address);
            }

            barrier.SignalAndWait();
        }
    }

    private static long Sum(byte* start, long length)
    {
        var (a, b, c, d) = (Vector<long>.Zero, Vector<long>.Zero, Vector<long>.Zero, Vector<long>.Zero);
        var step = Vector<byte>.Count;
        for (long i = 0; i + (4 * step) <= length; i += 4 * step)
        {
            a += Vector.Load((long*)(start + i));
            b += Vector.Load((long*)(start + i + step));
            c += Vector.Load((long*)(start + i + (2 * step)));
            d += Vector.Load((long*)(start + i + (3 * step)));
        }

        return Vector.Sum(a + b + c + d);
    }

    /// <summary>Rows of sane numbers: formats without an encoder get random bytes until they are.</summary>
    private static byte[] SomeRows(BlockFormat format, int rows)
    {
        var random = new Random(2);
        var rowBytes = (int)format.RowBytes(Columns);
        var bytes = new byte[rowBytes * rows];
        var values = new float[Columns];
        for (var row = 0; row < rows; row++)
        {
            var blocks = bytes.AsSpan(row * rowBytes, rowBytes);
            if (format.CanEncode && !format.NeedsImportance && !format.Name.StartsWith("IQ", StringComparison.Ordinal))
            {
                for (var i = 0; i < Columns; i++)
                {
                    values[i] = (float)((random.NextDouble() * 2) - 1);
                }

                format.Encode(values, default, blocks);
                continue;
            }

            for (var block = 0; block < rowBytes; block += format.BlockBytes)
            {
                do
                {
                    random.NextBytes(blocks.Slice(block, format.BlockBytes));
                    format.Decode(blocks.Slice(block, format.BlockBytes), values.AsSpan(0, format.BlockLength));
                }
                while (!Array.TrueForAll(values, v => MathF.Abs(v) is < 1e4f and (0 or > 1e-20f)));
            }
        }

        return bytes;
    }

    private NativeBuffer Take(long length)
    {
        var buffer = new NativeBuffer(length);
        _buffers.Add(buffer);
        return buffer;
    }
}
