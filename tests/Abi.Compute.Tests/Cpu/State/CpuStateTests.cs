using Abi.Compute.Cpu;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Compute.Scalar;
using Abi.Compute.Tensors;

namespace Abi.Compute.Tests.Cpu.State;

/// <summary>State in native memory: the form it is read in, copies, lazy memory, steps that do not end.</summary>
public sealed class CpuStateTests
{
    private static readonly CpuDevice Device = new(new CpuOptions { Threads = 2 });

    [OneTimeTearDown]
    public void Stop() => Device.Dispose();

    [TestCase(TensorType.F32, null)]
    [TestCase(TensorType.F16, null)]
    [TestCase(TensorType.Q8_0, null)]
    [TestCase(TensorType.Q4_0, null)]
    [TestCase(TensorType.Q8_0, TensorType.Q4_0)]
    [TestCase(TensorType.F16, TensorType.Q8_0)]
    public void PagesAreReadInTheFormOfThePlainDevice(TensorType type, TensorType? valueType)
    {
        var graph = CacheGraph(out _);
        using var plain = new ScalarDevice();
        var options = new StateOptions { CacheType = type, ValueCacheType = valueType, Pages = 3 };
        using var here = Device.CreateState(graph.State, options);
        using var there = plain.CreateState(graph.State, options);
        Assert.That((here.PageBytes, here.SlotBytes), Is.EqualTo((there.PageBytes, there.SlotBytes)));
        Fill(Device, graph, here, 64, 1);
        Fill(plain, graph, there, 64, 1);
        var (a, b) = (new byte[here.PageBytes], new byte[here.PageBytes]);
        for (var page = 1; page < 3; page++)
        {
            here.ReadPage(page, a);
            there.ReadPage(page, b);
            Assert.That(a, Is.EqualTo(b));
        }

        // what other sequences left is not given out with what is asked for
        var row = graph.State.PositionBytes(type, valueType ?? type);
        here.ReadPage(2, 0, 5, b);
        here.ReadPage(2, a);
        Assert.That(b.Count(value => value != 0), Is.InRange(1, 5 * row));
        Assert.That(b.Where((value, i) => value != 0 && value != a[i]), Is.Empty);
        here.ReadPage(2, 0, StateStore.PageLength, b);
        Assert.That(b, Is.EqualTo(a));
        here.ReadPage(2, 1, StateStore.PageLength, b);
        Assert.That(b, Is.All.Zero);
        Assert.That(() => here.ReadPage(2, 0, StateStore.PageLength + 1, b), Throws.TypeOf<ArgumentOutOfRangeException>());

        here.CopyPage(1, 0);
        here.ReadPage(0, a);
        there.ReadPage(1, b);
        Assert.That(a, Is.EqualTo(b));
        there.ReadPage(2, b);
        here.WritePage(0, b);
        here.ReadPage(0, a);
        Assert.That(a, Is.EqualTo(b));
        Assert.That(() => here.CopyPage(0, 3), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void PagesOfBlocksTakeTheBytesOfTheirBlocks()
    {
        var graph = CacheGraph(out _);
        using var state = Device.CreateState(graph.State, new StateOptions { CacheType = TensorType.Q8_0, ValueCacheType = TensorType.Q4_0, Pages = 1 });
        Assert.That(state.PageBytes, Is.EqualTo(32 * (3 * (34 + 18))), "a block of 32 columns for each of three heads, also where a head has fewer columns");
        Assert.That(state.PageMemoryBytes, Is.EqualTo(state.PageBytes));
        Assert.That(() => Device.CreateState(graph.State, new StateOptions { CacheType = TensorType.Q4_K, Pages = 1 }), Throws.TypeOf<NotSupportedException>().With.Message.Contains("Q4_K"));
        Assert.That(() => Device.CreateState(graph.State, new StateOptions { ValueCacheType = TensorType.Q5_0, Pages = 1 }), Throws.TypeOf<NotSupportedException>().With.Message.Contains("Q5_0"));
    }

    [Test]
    public void ALargeCacheTakesNoMemoryBeforeItIsUsed()
    {
        var graph = CacheGraph(out _);
        var before = Environment.WorkingSet;
        using var state = Device.CreateState(graph.State, new StateOptions { Pages = 1 << 20, CacheType = TensorType.F16 });
        Assert.That(state.PageBytes * state.Options.Pages, Is.GreaterThan(1L << 30));
        Assert.That(Environment.WorkingSet - before, Is.LessThan(256L << 20));
        Fill(Device, graph, state, 40, (1 << 20) - 2);
    }

    [Test]
    public void AStepThatDoesNotEndLeavesRecurrentStateAsItWas()
    {
        var graph = new GraphBuilder();
        var x = graph.Embed(Random(8, 64));
        graph.NextBlock();
        graph.AddOutput(graph.ShiftRows(x));
        graph.NextBlock();
        graph.AddOutput(graph.Scale(x, 2));
        var built = graph.Build();
        using var plan = Device.Lower(built, new LoweringOptions());
        using var state = Device.CreateState(built.State, new StateOptions { Pages = 0, RecurrentSlots = 3 });
        using var stopped = new CancellationTokenSource();
        Run(plan, state, 2, 5);
        var shifted = Run(plan, state, 2, 7);
        Assert.That(shifted, Is.EqualTo(Row(x, 5)));

        stopped.Cancel();
        Assert.That(() => Run(plan, state, 2, 9, stopped.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => Run(plan, state, 2, 64), Throws.TypeOf<ArgumentOutOfRangeException>(), "no such id");
        state.CopySlot(2, 0);
        Assert.That(Run(plan, state, 2, 11), Is.EqualTo(Row(x, 7)));
        Assert.That(Run(plan, state, 0, 11), Is.EqualTo(Row(x, 7)), "a copy goes its own way");
        var bytes = new byte[state.SlotBytes];
        state.ReadSlot(2, bytes);
        state.WriteSlot(1, bytes);
        Assert.That(Run(plan, state, 1, 12), Is.EqualTo(Row(x, 11)));
        state.ClearSlot(1);
        Assert.That(Run(plan, state, 1, 12), Is.All.Zero);

        float[] Row(Value value, int id) => built.Operations.OfType<Embed>().First(embed => embed.Result == value).Table.ToFloats()[(id * 8)..((id + 1) * 8)];
    }

    [Test]
    public void StateAndPlansOfDifferentDevicesAreToldApart()
    {
        var graph = CacheGraph(out _);
        using var plain = new ScalarDevice();
        using var state = plain.CreateState(graph.State, new StateOptions { Pages = 1 });
        using var plan = Device.Lower(graph, new LoweringOptions());
        Assert.That(() => plan.Run(new StepInputs(), state), Throws.ArgumentException.With.Message.Contains("CPU device"));
    }

    private static float[] Run(StepPlan plan, StateStore state, int slot, int id, CancellationToken cancellationToken = default)
    {
        var step = new StepInputs();
        step.AddSequence().Slot = slot;
        step.AddRow(id, 0, wantsOutput: false);
        plan.Run(step, state, cancellationToken);
        return plan.Read(plan.Graph.Outputs[0]).ToArray();
    }

    private static Graph CacheGraph(out Value output)
    {
        var graph = new GraphBuilder();
        var layer = graph.AddCacheLayer(2, 5, 7);
        var second = graph.AddCacheLayer(1, 16, 32);
        graph.Store(graph.Embed(Random(10, 64)), graph.Embed(Random(14, 64)), layer);
        graph.Store(graph.Embed(Random(16, 64)), graph.Embed(Random(32, 64)), second);
        output = graph.Attend(graph.Embed(Random(20, 64)), layer, new AttentionSettings { Heads = 4, Scale = 1 });
        graph.AddOutput(output);
        return graph.Build();
    }

    private static void Fill(IDevice device, Graph graph, StateStore state, int rows, int firstPage)
    {
        using var plan = device.Lower(graph, new LoweringOptions());
        var step = new StepInputs();
        step.AddSequence().SetPages(0, [firstPage, firstPage + 1], rows);
        for (var row = 0; row < rows; row++)
        {
            step.AddRow(row, row, wantsOutput: false);
        }

        plan.Run(step, state);
    }

    private static WeightTensor Random(int width, int rows)
    {
        var random = new Random(width);
        return WeightTensor.FromFloats("w", [width, rows], [.. Enumerable.Range(0, width * rows).Select(_ => random.NextSingle() - 0.5f)]);
    }
}
