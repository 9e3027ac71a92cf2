using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Abi.Compute.Cpu;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Benchmarks;

/// <summary>Times one step of a model behind a filled cache, and tells how long each kind of stage took and at which rate attention computed.</summary>
internal sealed partial class PromptBenchmark : IDisposable
{
    private readonly GgufFile _file;
    private readonly ModelDefinition _definition;
    private readonly CpuDevice _device;
    private readonly CpuPlan _plan;
    private readonly StateStore _state;
    private readonly int[] _pages;
    private readonly StepInputs _inputs = new();
    private readonly int _rows;
    private readonly int _depth;

    public PromptBenchmark(string path, int threads, int rows, int depth, ActivationPrecision activations)
    {
        (_rows, _depth) = (rows, depth);
        _file = GgufFile.Open(path);
        _definition = ModelDefinition.Create(_file);
        _device = new CpuDevice(new CpuOptions { Threads = threads });
        var graph = _definition.DecoderGraph ?? throw new ArgumentException($"{path} is no decoder.", nameof(path));
        _plan = (CpuPlan)_device.Lower(graph, new LoweringOptions { Activations = activations, MaximumRows = Math.Max(rows, 1), MaximumOutputs = 1 });
        _pages = [.. Enumerable.Range(0, (rows + depth + StateStore.PageLength - 1) / StateStore.PageLength)];
        _state = _device.CreateState(graph.State, new StateOptions { Pages = _pages.Length, RecurrentSlots = 1 });
    }

    /// <summary>Fills the cache, then runs the step some times and prints the median of its parts.</summary>
    public void Run(double seconds)
    {
        for (var position = 0; position < _depth; position += 512)
        {
            Step(position, Math.Min(512, _depth - position));
        }

        Step(_depth, _rows);
        var runs = new List<(double Seconds, long[] Ticks)>();
        var total = Stopwatch.StartNew();
        while (runs.Count < 3 || total.Elapsed.TotalSeconds < seconds)
        {
            _plan.StageTicks = new long[_plan.Stages.Count];
            var clock = Stopwatch.StartNew();
            Step(_depth, _rows);
            runs.Add((clock.Elapsed.TotalSeconds, _plan.StageTicks));
        }

        var (median, ticks) = runs.OrderBy(run => run.Seconds).ElementAt(runs.Count / 2);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_rows} rows at depth {_depth}: {median * 1e3:f1} ms, {_rows / median:f1} rows/s (median of {runs.Count})"));
        var kinds = _plan.Stages.Select((stage, i) => (Kind: Kind(stage), Seconds: ticks[i] / (double)Stopwatch.Frequency)).GroupBy(stage => stage.Kind);
        foreach (var kind in kinds.OrderByDescending(kind => kind.Sum(stage => stage.Seconds)))
        {
            var sum = kind.Sum(stage => stage.Seconds);
            var rate = kind.Key == "attend" ? $"  {Operations() / sum / 1e9,6:f0} GFLOPS" : "";
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {sum * 1e3,8:f2} ms {sum / median,6:p1}  {kind.Count(),4} × {kind.Key}{rate}"));
        }
    }

    public void Dispose()
    {
        _plan.Dispose();
        _state.Dispose();
        _device.Dispose();
        _file.Dispose();
    }

    [GeneratedRegex(@"blk\.\d+\.| layer \d+")]
    private static partial Regex BlockNumber();

    private static string Kind(Stage stage)
    {
        var text = BlockNumber().Replace(stage.Describe(), "");
        return stage is AttendStage ? "attend" : text.Length > 150 ? text[..150] : text;
    }

    /// <summary>Multiplications and additions of the two products of attention over what each row sees.</summary>
    private double Operations()
    {
        double positions = 0;
        for (var row = 0; row < _rows; row++)
        {
            positions += _depth + row + 1;
        }

        return _plan.Graph.Operations.OfType<Attend>().Sum(attend => positions * attend.Settings.Heads * 2 * (attend.Layer.KeySize + attend.Layer.ValueSize));
    }

    private void Step(int position, int rows)
    {
        _inputs.Clear();
        var sequence = _inputs.AddSequence();
        sequence.Slot = 0;
        for (var group = 0; group < _plan.Graph.State.Groups; group++)
        {
            sequence.SetPages(group, _pages, position + rows);
        }

        for (var row = 0; row < rows; row++)
        {
            _inputs.AddRow(((position + row) * 7919) % 30000, position + row, row == rows - 1);
        }

        _plan.Run(_inputs, _state);
    }
}
