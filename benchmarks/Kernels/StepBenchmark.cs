using System.Diagnostics;
using System.Globalization;
using Abi.Compute.Cpu;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Benchmarks;

/// <summary>Times the steps of a model's decoder, each sequence one row, and where in a step the time goes.</summary>
internal sealed class StepBenchmark : IDisposable
{
    private readonly GgufFile _file;
    private readonly CpuDevice _device;
    private readonly CpuPlan _plan;
    private readonly StateStore _state;
    private readonly StepInputs _inputs = new();
    private readonly int[][] _pages;
    private readonly int _vocabulary;
    private readonly Random _random = new(1);

    /// <summary>Opens a model and takes room for some sequences of some positions.</summary>
    public StepBenchmark(string path, int threads, int sequences, int positions, TensorType cacheType)
    {
        _file = GgufFile.Open(path);
        var definition = ModelDefinition.Create(_file);
        _vocabulary = definition.Hyperparameters.VocabularySize;
        _device = new CpuDevice(new CpuOptions { Threads = threads });
        _plan = (CpuPlan)_device.Lower(definition.DecoderGraph!, new LoweringOptions { MaximumRows = 512, MaximumOutputs = sequences, MaximumSequences = sequences });
        var each = (positions + StateStore.PageLength - 1) / StateStore.PageLength;
        _state = _device.CreateState(definition.State, new StateOptions { Pages = each * sequences, RecurrentSlots = sequences, CacheType = cacheType });
        _pages = [.. Enumerable.Range(0, sequences).Select(s => Enumerable.Range(s * each, each).ToArray())];
    }

    /// <summary>Runs steps, sequences at positions from <paramref name="depth"/> on, and prints the median step and the mean of each kind of stage.</summary>
    public void Measure(int depth, int steps, double bandwidth)
    {
        for (var position = 0; position < depth; position += 256)
        {
            for (var s = 0; s < _pages.Length; s++)
            {
                Step(position, Math.Min(256, depth - position), s, s + 1);
            }
        }

        for (var i = 0; i < 32; i++)
        {
            Step(depth + i, 1, 0, _pages.Length);
        }

        var ticks = new long[steps];
        for (var i = 0; i < steps; i++)
        {
            var start = Stopwatch.GetTimestamp();
            Step(depth + 32 + i, 1, 0, _pages.Length);
            ticks[i] = Stopwatch.GetTimestamp() - start;
        }

        _plan.StageTicks = new long[_plan.Stages.Count];
        for (var i = 0; i < steps; i++)
        {
            Step(depth + 32 + i, 1, 0, _pages.Length);
        }

        Array.Sort(ticks);
        var median = Microseconds(ticks[steps / 2]);
        var stages = _plan.Stages.Select((stage, i) => (Kind: Kind(stage), Time: Microseconds(_plan.StageTicks[i]) / steps, Bytes: Bytes(stage))).ToList();
        _plan.StageTicks = null;
        var bytes = stages.Sum(stage => stage.Bytes);
        var rate = bytes / median / 1e3;
        Console.WriteLine(Text($"{_pages.Length} sequences at {depth}: {median / 1e3:f2} ms a step, {_pages.Length * 1e6 / median:f1} tokens/s, weights of {bytes / 1e6:f0} MB at {rate:f1} GB/s, {100 * rate / bandwidth:f0} % of plain reads"));
        foreach (var kind in stages.GroupBy(stage => stage.Kind).OrderByDescending(kind => kind.Sum(stage => stage.Time)))
        {
            var (time, size) = (kind.Sum(stage => stage.Time), kind.Sum(stage => stage.Bytes));
            Console.WriteLine(Text($"  {kind.Count(),4} × {time / kind.Count(),8:f1} µs = {time / 1e3,7:f2} ms  {(size == 0 ? "" : Text($"{size / time / 1e3:f1} GB/s")),10}  {kind.Key}"));
        }
    }

    public void Dispose()
    {
        _plan.Dispose();
        _state.Dispose();
        _device.Dispose();
        _file.Dispose();
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static double Microseconds(long ticks) => ticks * 1e6 / Stopwatch.Frequency;

    private static long Bytes(Stage stage) => stage is ProductStage products ? products.Groups.Sum(group => group.Parts.Sum(part => part.Matrix.OwnBytes)) : 0;

    /// <summary>What a stage does, without the numbers of layers.</summary>
    private static string Kind(Stage stage) => string.Concat(stage.Describe().Select((c, i) => (c, i)).Where(p => !char.IsDigit(p.c)).Select(p => p.c)) is var text && text.Length > 110 ? text[..110] : text;

    private void Step(int position, int rows, int firstSequence, int end)
    {
        _inputs.Clear();
        for (var s = firstSequence; s < end; s++)
        {
            var sequence = _inputs.AddSequence();
            sequence.Slot = s;
            sequence.SetPages(0, _pages[s], position + rows);
            for (var row = 0; row < rows; row++)
            {
                _inputs.AddRow(_random.Next(_vocabulary), position + row, row == rows - 1);
            }
        }

        _plan.Run(_inputs, _state);
    }
}
