using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>
/// Products of rows with the matrices of their chosen experts. Rows are grouped by expert first, so that each matrix is read once however many rows chose it; a range of outputs of
/// one expert is a chunk, and what follows the products (a gate) is done on it at once.
/// </summary>
internal sealed unsafe class ExpertStage(StepFrame frame, int block, RowSpace rows, Slot route, PreparedRows input, bool isShared) : Stage(frame, block)
{
    private const int ChunkBytes = 96 << 10;
    private int[] _starts = []; // of each expert's picks in _picks: [experts + 1]
    private int[] _active = []; // the experts that were chosen: [experts]
    private int[] _picks = []; // row × used + i, by expert
    private int _rangeOutputs;
    private int _rangesPerExpert;

    public List<ExpertPart> Parts { get; } = [];

    public List<ElementOperation> Epilogue { get; } = [];

    public RowSpace Rows { get; } = rows;

    private int Used => route.Width / 2;

    public void Cut()
    {
        var experts = Parts[0].Experts;
        var granularity = Parts.Max(part => part.Experts[0].Granularity);
        _rangeOutputs = Math.Clamp(ChunkBytes / (experts[0].Columns * Parts.Count) / granularity * granularity, granularity, Math.Max(granularity, Parts[0].Outputs));
        _rangesPerExpert = (Parts[0].Outputs + _rangeOutputs - 1) / _rangeOutputs;
        _starts = new int[experts.Length + 1];
        _active = new int[experts.Length];
    }

    public override int Prepare()
    {
        var (rowCount, used) = (Frame.Rows(Rows), Used);
        if (_picks.Length < rowCount * used)
        {
            _picks = new int[rowCount * used];
        }

        Array.Clear(_starts);
        for (var row = 0; row < rowCount; row++)
        {
            for (var i = 0; i < used; i++)
            {
                _starts[(int)route.Row(row)[i] + 1]++;
            }
        }

        var active = 0;
        for (var e = 0; e < _active.Length; e++)
        {
            if (_starts[e + 1] > 0)
            {
                _active[active++] = e;
            }

            _starts[e + 1] += _starts[e];
        }

        for (var row = 0; row < rowCount; row++)
        {
            for (var i = 0; i < used; i++)
            {
                _picks[_starts[(int)route.Row(row)[i]]++] = (row * used) + i;
            }
        }

        for (var e = _active.Length; e > 0; e--)
        {
            _starts[e] = _starts[e - 1]; // filling moved every start to its end
        }

        _starts[0] = 0;
        return active * _rangesPerExpert;
    }

    public override void Execute(int chunk, int worker)
    {
        var expert = _active[chunk / _rangesPerExpert];
        var first = chunk % _rangesPerExpert * _rangeOutputs;
        var count = Math.Min(_rangeOutputs, Parts[0].Outputs - first);
        var picks = _picks.AsSpan(_starts[expert], _starts[expert + 1] - _starts[expert]);
        var x = (byte**)Frame.Scratch(worker);
        var y = (float**)(x + picks.Length);
        var scratch = (byte*)(((nuint)(y + picks.Length) + 63) & ~(nuint)63);
        foreach (var part in Parts)
        {
            for (var i = 0; i < picks.Length; i++)
            {
                var (row, place) = (picks[i] / Used, picks[i] % Used);
                x[i] = input.Row(row, isShared ? 0 : place);
                y[i] = part.Output.Row(row) + (place * part.Outputs);
            }

            part.Experts[expert].Multiply(x, y, picks.Length, first, count, scratch);
            for (var i = 0; part.Bias != null && i < picks.Length; i++)
            {
                ElementKernels.Map(y[i] + first, part.Bias + ((long)expert * part.Outputs) + first, y[i] + first, count, default(AddLanes));
            }
        }

        foreach (var pick in picks)
        {
            foreach (var operation in Epilogue)
            {
                operation.Apply(Frame, pick / Used, (pick % Used * Parts[0].Outputs) + first, count);
            }
        }
    }

    public override long WorkerScratchBytes(int rows) =>
        (2L * sizeof(void*) * rows * Used) + 64 + Parts.Max(part => part.Experts.Max(expert => expert.ScratchBytes));

    public override string Describe()
    {
        var text = string.Join(" + ", Parts.Select(part => $"{part.Output.Name} [{part.Experts.Length} × {part.Outputs} × {part.Experts[0].Columns}, {part.Experts[0].Form}]"));
        return $"experts: {text}{(Epilogue.Count == 0 ? "" : " then " + string.Join(", ", Epilogue.Select(operation => operation.Name)))}, {Used} of each row, grouped by expert";
    }
}
