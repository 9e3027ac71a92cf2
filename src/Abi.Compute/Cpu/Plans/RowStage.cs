using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>Row operations, one after the other over each range of rows: what one makes is read by the next while it is still in the cache. Few rows are done by the caller alone.</summary>
internal sealed class RowStage(StepFrame frame, int block, RowSpace rows) : Stage(frame, block)
{
    private const int AloneCost = 24_000; // in floats touched: below it, waking others takes longer than the work
    private const int MaximumRows = 32; // of a chunk
    private readonly List<RowOperation> _operations = [];
    private int _rowsPerChunk;

    public RowSpace Rows { get; } = rows;

    public void Add(RowOperation operation) => _operations.Add(operation);

    public override int Prepare()
    {
        var count = Frame.Rows(Rows);
        long cost = 0;
        foreach (var operation in _operations)
        {
            cost += operation.Cost;
        }

        _rowsPerChunk = Math.Max(1, cost * count < AloneCost ? count : Math.Min(MaximumRows, count / (4 * Frame.Workers)));
        while ((count + _rowsPerChunk - 1) / _rowsPerChunk > Threading.WorkerTeam.MaximumChunks)
        {
            _rowsPerChunk *= 2;
        }

        return (count + _rowsPerChunk - 1) / _rowsPerChunk;
    }

    public override void Execute(int chunk, int worker)
    {
        var first = chunk * _rowsPerChunk;
        var end = Math.Min(first + _rowsPerChunk, Frame.Rows(Rows));
        foreach (var operation in _operations)
        {
            operation.Run(Frame, first, end, worker);
        }
    }

    public override long WorkerScratchBytes(int rows) => _operations.Max(operation => operation.ScratchBytes);

    public override string Describe() => $"rows: {string.Join(", ", _operations.Select(operation => operation.Name))}";
}
