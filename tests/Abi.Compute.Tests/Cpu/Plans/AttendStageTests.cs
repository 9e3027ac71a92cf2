using Abi.Compute.Cpu;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Compute.Tensors;
using Abi.Testing;

namespace Abi.Compute.Tests.Cpu.Plans;

/// <summary>Attention where a page or a key is not like others.</summary>
[Parallelizable]
public sealed class AttendStageTests
{
    /// <summary>In a process of its own, which ends where a stack does.</summary>
    [Test]
    public void KeysOfAnyWidthFitOnTheStackOfAWorker([Values(TensorType.Q8_0, TensorType.Q4_0, TensorType.F16)] TensorType type) =>
        ChildProcess.Run(AttendToWideKeysOnASmallStack, null, type.ToString());

    /// <summary>Keys and values behind what a row sees: what is left there of an earlier text, which may be no numbers.</summary>
    [Test]
    public void WhatIsNotSeenMayBeAnything([Values(TensorType.F32, TensorType.F16)] TensorType type, [Values(1, 4)] int group, [Values(20, 30)] int at)
    {
        const int Size = 16, Positions = 64, NoNumber = 64;
        var random = new Random(1);
        WeightTensor Table(int width, bool endsInNoNumbers) =>
            WeightTensor.FromFloats("w", [width, Positions + 1], [.. Random(width, Positions, random), .. Enumerable.Repeat(endsInNoNumbers ? float.NaN : 0, width)]);
        var graph = new GraphBuilder();
        var layer = graph.AddCacheLayer(2, Size, Size);
        var queries = graph.Embed(Table(2 * group * Size, endsInNoNumbers: false));
        graph.Store(graph.Embed(Table(2 * Size, endsInNoNumbers: true)), graph.Embed(Table(2 * Size, endsInNoNumbers: true)), layer);
        graph.AddOutput(graph.Attend(queries, layer, new AttentionSettings { Heads = 2 * group, Scale = 0.3f }));
        var built = graph.Build();
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var plan = device.Lower(built, new LoweringOptions());
        Assert.That(Run(afterNoNumbers: true), Is.EqualTo(Run(afterNoNumbers: false)));

        float[] Run(bool afterNoNumbers)
        {
            using var state = device.CreateState(built.State, new StateOptions { Pages = 2, CacheType = type });
            if (afterNoNumbers)
            {
                Step(state, 0, [.. Enumerable.Repeat(NoNumber, Positions)]);
            }

            // rows that end within a page, one alone, and some that reach into the next
            return [.. Step(state, 0, [.. Enumerable.Range(0, at)]), .. Step(state, at, [at]), .. Step(state, at + 1, [.. Enumerable.Range(at + 1, 12)])];
        }

        float[] Step(StateStore state, int from, int[] ids)
        {
            var step = new StepInputs();
            step.AddSequence().SetPages(0, [0, 1], from + ids.Length);
            for (var i = 0; i < ids.Length; i++)
            {
                step.AddRow(ids[i], from + i, wantsOutput: true);
            }

            plan.Run(step, state);
            return plan.Read(built.Outputs[0]).ToArray();
        }
    }

    private static void AttendToWideKeysOnASmallStack(string type)
    {
        // Who runs a step takes chunks of it like its workers, whose stacks are as small.
        var thread = new Thread(() => AttendToWideKeys(type), 1 << 20);
        thread.Start();
        thread.Join();
    }

    private static void AttendToWideKeys(string type)
    {
        const int Size = 1 << 19, ValueSize = 32;
        var values = Random(ValueSize, 1, new Random(1));
        var graph = new GraphBuilder();
        var layer = graph.AddCacheLayer(1, Size, ValueSize);
        var wide = graph.Embed(WeightTensor.FromFloats("w", [Size, 1], Random(Size, 1, new Random(2))));
        graph.Store(wide, graph.Embed(WeightTensor.FromFloats("w", [ValueSize, 1], values)), layer);
        graph.AddOutput(graph.Attend(wide, layer, new AttentionSettings { Heads = 1, Scale = 1e-5f }));
        var built = graph.Build();
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var plan = device.Lower(built, new LoweringOptions());
        using var state = device.CreateState(built.State, new StateOptions { Pages = 1, CacheType = Enum.Parse<TensorType>(type), ValueCacheType = TensorType.F32 });
        var step = new StepInputs();
        step.AddSequence().SetPages(0, [0], 3);
        for (var position = 0; position < 3; position++)
        {
            step.AddRow(0, position, wantsOutput: true);
        }

        plan.Run(step, state);
        for (var row = 0; row < 3; row++)
        {
            // All positions have the same value, and so has every mean of them.
            Assert.That(plan.Read(built.Outputs[0]).Slice(row * ValueSize, ValueSize).ToArray(), Is.EqualTo(values).Within(1e-6));
        }
    }

    private static float[] Random(int width, int rows, Random random) => [.. Enumerable.Range(0, width * rows).Select(_ => random.NextSingle() - 0.5f)];
}
