using System.Runtime.InteropServices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>Products of one value with several matrices in one dispatch, cut into ranges of outputs.</summary>
internal sealed unsafe class ProductStage(StepFrame frame, int block, RowSpace rows) : Stage(frame, block)
{
    private const int ChunkBytes = 96 << 10; // of weights: some microseconds at memory speed
    private const int ChunksPerWorker = 64; // enough to even out, without paying for more
    private readonly List<Range> _ranges = [];

    public RowSpace Rows { get; } = rows;

    public List<ProductGroup> Groups { get; } = [];

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
    }

    public override int Prepare() => Frame.Rows(Rows) == 0 ? 0 : _ranges.Count;

    public override void Execute(int chunk, int worker)
    {
        var range = _ranges[chunk];
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
