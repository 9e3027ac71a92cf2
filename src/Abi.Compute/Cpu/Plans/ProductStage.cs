using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Threading;
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
    private const int AheadBytes = 128 << 10; // fits every second cache, and is what memory gives in a wait of some microseconds
    private const int TurnBytes = 4 << 10;
    private readonly List<Range> _ranges = [];
    private RangeShares _shares = new([], frame.Workers);
    private Range[] _beginnings = []; // by worker: what its share has of the group that it begins in

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
            total += group.Outputs * RowBytes(group);
        }

        List<long> costs = [];
        foreach (var group in Groups)
        {
            var (rowBytes, outputs) = (RowBytes(group), group.Outputs);
            var count = RangeOutputs(total, rowBytes, group.Granularity, outputs, Frame.Workers);
            for (var first = 0; first < outputs; first += count)
            {
                var some = Math.Min(count, outputs - first);
                _ranges.Add(new Range(group, first, some));
                costs.Add(some * rowBytes);
            }
        }

        _shares = new RangeShares(CollectionsMarshal.AsSpan(costs), Frame.Workers);
        _beginnings = [.. Enumerable.Range(0, Frame.Workers).Select(Beginning)];
    }

    /// <summary>The outputs of a range.</summary>
    /// <param name="total">The bytes of weights of the whole stage.</param>
    /// <param name="rowBytes">The bytes of weights of an output.</param>
    /// <param name="granularity">What ranges must begin at a multiple of.</param>
    /// <param name="outputs">All outputs.</param>
    /// <param name="workers">How many take part.</param>
    internal static int RangeOutputs(long total, long rowBytes, int granularity, int outputs, int workers)
    {
        var bytes = Math.Max(ChunkBytes, total / (ChunksPerWorker * workers));
        return (int)Math.Clamp(bytes / rowBytes / granularity * granularity, granularity, Math.Max(granularity, outputs));
    }

    public override int Prepare()
    {
        if (Frame.Rows(Rows) == 0)
        {
            return 0;
        }

        _shares.Begin();
        return _ranges.Count;
    }

    public override void Execute(int chunk, int worker) => Compute(_ranges[_shares.Claim(worker)], worker); // there are as many ranges as chunks

    /// <summary>Asks memory for what this worker reads next, which would give nothing else until then.</summary>
    public override bool WhileWaiting(int worker, int turn) => Next is not null && Next.Prefetch(worker, turn * TurnBytes);

    /// <summary>The bytes of an output of all parts: about one a weight, a little less for most formats.</summary>
    private static long RowBytes(ProductGroup group) => (long)group.Parts.Count * group.Parts[0].Matrix.Columns;

    private Range Beginning(int worker)
    {
        var (first, end) = _shares[worker];
        var share = _ranges[first..end];
        return share.Count == 0 ? default : share[0] with { Count = share.TakeWhile(range => range.Group == share[0].Group).Sum(range => range.Count) };
    }

    // No more than its own: the rest of the memory is for those whose it is.
    private bool Prefetch(int worker, int offset)
    {
        var own = _beginnings[worker];
        return own.Count > 0 && offset < AheadBytes && own.Group.Parts[0].Matrix.Prefetch(own.First, own.Count, offset, TurnBytes);
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
