using Abi.Compute.Cpu.Scans;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>An operation with recurrent state: some units of one sequence are a chunk. The state before the step is read, the state after it written beside it.</summary>
internal sealed unsafe class ScanStage(StepFrame frame, int block, RecurrentLayer layer, Scan scan) : Stage(frame, block)
{
    private int _unitsPerChunk;
    private int _chunksPerSequence;

    /// <summary>The layer that a step changes.</summary>
    public RecurrentLayer Layer => layer;

    public override int Prepare()
    {
        _unitsPerChunk = Math.Max(scan.UnitsPerChunk, (scan.Units + (16 * Frame.Workers) - 1) / (16 * Frame.Workers));
        _chunksPerSequence = (scan.Units + _unitsPerChunk - 1) / _unitsPerChunk;
        return Frame.Inputs.SequenceCount * _chunksPerSequence;
    }

    public override void Execute(int chunk, int worker)
    {
        var sequence = Frame.Inputs.Sequences[chunk / _chunksPerSequence];
        var first = chunk % _chunksPerSequence * _unitsPerChunk;
        scan.Run(
            sequence, first, Math.Min(first + _unitsPerChunk, scan.Units), Frame.State.Current(layer, sequence.Slot), Frame.State.Next(layer, sequence.Slot), Frame.Scratch(worker));
    }

    public override long WorkerScratchBytes(int rows) => scan.ScratchBytes;

    public override string Describe() => $"scan: {scan.Name} over {scan.Units} units";
}
