using System.Runtime.InteropServices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>
/// Products of one value with several matrices in one dispatch, cut into ranges of outputs. Each worker goes through a share of its own from the beginning on, so that it reads memory in one
/// stream, and then helps where most is left, from the end on.
/// </summary>
internal sealed unsafe class ProductStage(StepFrame frame, int block, RowSpace rows) : Stage(frame, block)
{
    private const int ChunkBytes = 96 << 10; // of weights: some microseconds at memory speed
    private const int ChunksPerWorker = 64; // enough to even out, without paying for more
    private const int ShareLongs = 16; // two cache lines for each share
    private const int CallerAheadBytes = 8 << 10; // the caller has the rows between two products to do
    private const int WorkerAheadBytes = 48 << 10; // what memory gives meanwhile
    private readonly List<Range> _ranges = [];
    private readonly long[] _shares = new long[frame.Workers * ShareLongs]; // of each worker: the next range, and above it the one after the last
    private int[] _firsts = []; // of each worker, and the number of ranges: [workers + 1]

    public RowSpace Rows { get; } = rows;

    public List<ProductGroup> Groups { get; } = [];

    /// <summary>The products that come next, whose weights are asked for when there is nothing left to do here.</summary>
    public ProductStage? Next { get; set; }

    /// <summary>Cuts the groups; called once they are complete.</summary>
    public void Cut()
    {
        long total = 0;
        foreach (var group in Groups)
        {
            total += (long)group.Outputs * group.Parts.Count * group.Parts[0].Matrix.Columns;
        }

        foreach (var group in Groups)
        {
            // about a byte a weight; a little less for most formats
            long rowBytes = (long)group.Parts.Count * group.Parts[0].Matrix.Columns;
            var bytes = Math.Max(ChunkBytes, total / (ChunksPerWorker * Frame.Workers));
            var (granularity, outputs) = (group.Granularity, group.Outputs);
            var count = (int)Math.Clamp(bytes / rowBytes / granularity * granularity, granularity, Math.Max(granularity, outputs));
            for (var first = 0; first < outputs; first += count)
            {
                _ranges.Add(new Range(group, first, Math.Min(count, outputs - first)));
            }
        }

        _firsts = new int[Frame.Workers + 1];
        long before = 0;
        var share = 0;
        for (var i = 0; i < _ranges.Count; i++)
        {
            for (; share < Frame.Workers && before >= total * share / Frame.Workers; share++)
            {
                _firsts[share] = i;
            }

            before += (long)_ranges[i].Count * _ranges[i].Group.Parts.Count * _ranges[i].Group.Parts[0].Matrix.Columns;
        }

        _firsts.AsSpan(share).Fill(_ranges.Count);
    }

    public override int Prepare()
    {
        if (Frame.Rows(Rows) == 0)
        {
            return 0;
        }

        for (var share = 0; share < Frame.Workers; share++)
        {
            _shares[share * ShareLongs] = (uint)_firsts[share] | ((long)_firsts[share + 1] << 32);
        }

        return _ranges.Count;
    }

    public override void Execute(int chunk, int worker)
    {
        Compute(_ranges[Claim(worker)], worker);
        if (Next is not null && MostLeft() < 0)
        {
            Next.Prefetch(worker);
        }
    }

    /// <summary>Takes a range: there are as many as there are chunks.</summary>
    private int Claim(int worker)
    {
        ref var own = ref _shares[worker * ShareLongs];
        while (true)
        {
            var share = Volatile.Read(ref own);
            if ((int)share < share >> 32)
            {
                if (Interlocked.CompareExchange(ref own, share + 1, share) == share)
                {
                    return (int)share;
                }

                continue;
            }

            if (MostLeft() is var other and >= 0)
            {
                ref var others = ref _shares[other * ShareLongs];
                share = Volatile.Read(ref others);
                if ((int)share < share >> 32 && Interlocked.CompareExchange(ref others, share - (1L << 32), share) == share)
                {
                    return (int)(share >> 32) - 1;
                }
            }
        }
    }

    /// <summary>The share with most ranges left; −1 when none has any.</summary>
    private int MostLeft()
    {
        var (most, found) = (0L, -1);
        for (var i = 0; i < Frame.Workers; i++)
        {
            var share = Volatile.Read(ref _shares[i * ShareLongs]);
            if ((share >> 32) - (int)share is var left && left > most)
            {
                (most, found) = (left, i);
            }
        }

        return found;
    }

    private void Prefetch(int worker)
    {
        if (_firsts[worker] < _firsts[worker + 1])
        {
            var range = _ranges[_firsts[worker]];
            range.Group.Parts[0].Matrix.Prefetch(range.First, worker == 0 ? CallerAheadBytes : WorkerAheadBytes);
        }
    }

    private void Compute(Range range, int worker)
    {
        var rowCount = Frame.Rows(Rows);
        var x = (byte**)Frame.Scratch(worker);
        var y = (float**)(x + rowCount);
        var scratch = Align(y + rowCount);
        foreach (var part in range.Group.Parts)
        {
            for (var row = 0; row < rowCount; row++)
            {
                x[row] = part.Input.Row(row, part.Segment);
                y[row] = part.Output.Row(row) + part.FirstColumn;
            }

            part.Matrix.Multiply(x, y, rowCount, range.First, range.Count, scratch);
        }

        var epilogue = range.Group.Epilogue;
        if (epilogue.Count == 0)
        {
            return;
        }

        var column = range.Group.Parts[0].FirstColumn + range.First;
        for (var row = 0; row < rowCount; row++)
        {
            foreach (var operation in epilogue)
            {
                operation.Apply(Frame, row, column, range.Count);
            }
        }
    }

    public override long WorkerScratchBytes(int rows) =>
        (2L * sizeof(void*) * rows) + 64 + Groups.Max(group => group.Parts.Max(part => part.Matrix.ScratchBytes));

    public override string Describe() => $"products: {string.Join("; ", Groups)} in {_ranges.Count} ranges";

    private static byte* Align(void* pointer) => (byte*)(((nuint)pointer + 63) & ~(nuint)63);

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Range(ProductGroup Group, int First, int Count);
}
