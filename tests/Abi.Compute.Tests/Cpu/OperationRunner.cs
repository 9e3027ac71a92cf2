using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Tests.Cpu;

/// <summary>Runs a case's graph for one sequence, in steps of given lengths, alone or beside others.</summary>
internal static class OperationRunner
{
    /// <summary>The outputs of every row, step after step: for each output of the graph [rows, width].</summary>
    public static float[][] Run(IDevice device, OperationCase test, IReadOnlyList<int> steps, int company = 0)
    {
        var pages = Math.Max(8, (steps.Sum() + StateStore.PageLength - 1) / StateStore.PageLength); // of each sequence
        var graph = test.Build();
        using var plan = device.Lower(graph, new LoweringOptions { MaximumRows = 8 });
        using var state = device.CreateState(graph.State, new StateOptions { Pages = pages * (1 + company), RecurrentSlots = 1 + company, CacheType = test.CacheType, ValueCacheType = test.ValueCacheType });
        var results = graph.Outputs.Select(_ => new List<float>()).ToArray();
        var step = new StepInputs();
        var length = 0;
        var random = new Random(5);
        foreach (var rows in steps)
        {
            step.Clear();
            // others before and behind, of other lengths, with values of their own
            for (var other = 0; other < company / 2; other++)
            {
                Add(step, pages, 1 + other, random.Next(1, 9), 0, () => random.Next(OperationCase.Ids));
            }

            var first = step.RowCount;
            var at = length;
            Add(step, pages, 0, rows, length, () => Id(at++));
            var sequence = step.SequenceCount - 1;
            for (var other = company / 2; other < company; other++)
            {
                Add(step, pages, 1 + other, random.Next(1, 9), 0, () => random.Next(OperationCase.Ids));
            }

            plan.Run(step, state);
            for (var i = 0; i < results.Length; i++)
            {
                var output = graph.Outputs[i];
                var (from, count) = output.Rows == RowSpace.Sequences ? (sequence, 1) : (first, rows);
                results[i].AddRange(plan.Read(output).Slice(from * output.Width, count * output.Width));
            }

            length += rows;
        }

        return [.. results.Select(result => result.ToArray())];
    }

    private static int Id(int position) => (position * 37) % OperationCase.Ids;

    private static void Add(StepInputs step, int pages, int slot, int rows, int position, Func<int> id)
    {
        var sequence = step.AddSequence();
        sequence.Slot = slot;
        // page tables out of order
        sequence.SetPages(0, [.. Enumerable.Range(slot * pages, pages).Reverse()], position + rows);
        for (var i = 0; i < rows; i++)
        {
            step.AddRow(id(), position + i, wantsOutput: true);
        }
    }
}
