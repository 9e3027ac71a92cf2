using Abi.Compute.Devices;
using Abi.Llm.Cache;

namespace Abi.Llm.Engine;

/// <summary>The step that is built and run next: which requests take part, with how many rows.</summary>
/// <remarks>For the engine's thread. Reused, so a steady state allocates nothing.</remarks>
internal sealed class StepBatch(CheckpointCache? checkpoints = null)
{
    private readonly List<EngineRequest> _prompts = [];

    public StepInputs Inputs { get; } = new();

    /// <summary>Whether a sequence has adapters.</summary>
    public bool HasAdapters { get; private set; }

    /// <summary>Whether a sequence has hooks.</summary>
    public bool HasHooks { get; private set; }

    /// <summary>The requests that take part, in the order of their rows.</summary>
    public List<EngineRequest> Requests { get; } = [];

    /// <summary>
    /// Fills the step: first the row of every sequence that generates, with as many of its guesses as leave a row to each of the others, then prompts, the oldest of the highest priority first,
    /// which share what is left evenly with their equals.
    /// </summary>
    /// <param name="active">The requests, in the order of admission.</param>
    /// <param name="maximumRows">The most rows.</param>
    /// <param name="promptRowsBesideDecode">The most rows of prompts when there are others.</param>
    /// <param name="maximumOutputs">The most outputs.</param>
    /// <returns>Whether there is anything to run.</returns>
    public bool Build(List<EngineRequest> active, int maximumRows, int promptRowsBesideDecode, int maximumOutputs)
    {
        Clear();
        _prompts.Clear();
        for (var i = 0; i < active.Count; i++)
        {
            var request = active[i];
            if (request.IsHeld || request.Sequence.Pending == 0 || request.IsFollowing())
            {
                continue;
            }

            if (request.Drafted > 0 && request.Sequence.Pending == request.Drafted + 1)
            {
                var further = active.Count - i - 1;
                request.DropDrafts(kept: Math.Max(0, Math.Min(maximumRows - Inputs.RowCount, maximumOutputs - Inputs.OutputCount) - 1 - further));
            }
            else if (request.Sequence.Pending > 1)
            {
                AddPrompt(request);
                continue;
            }

            if (Inputs.RowCount < maximumRows && Inputs.OutputCount < maximumOutputs)
            {
                Add(request, request.Sequence.Pending);
            }
        }

        var left = maximumRows - Inputs.RowCount;
        if (Inputs.RowCount > 0)
        {
            left = Math.Min(left, promptRowsBesideDecode);
        }

        for (var i = 0; i < _prompts.Count && left > 0; i++)
        {
            var request = _prompts[i];
            var equals = 1;
            while (i + equals < _prompts.Count && _prompts[i + equals].Priority == request.Priority)
            {
                equals++;
            }

            var rows = Math.Min(request.Sequence.Pending, Math.Max(left / equals, 1));
            rows = checkpoints?.Rows(request.Sequence.Cached, request.Sequence.Count, rows) ?? rows;

            // rows whose output is wanted come last; no more of them than the plan gives, which equals share too
            var plain = Math.Clamp(request.FirstOutput - request.Sequence.Cached, 0, rows);
            var outputs = maximumOutputs - Inputs.OutputCount;
            rows = Math.Min(rows, plain + Math.Min(outputs, Math.Max(outputs / equals, 1)));
            if (rows > 0)
            {
                Add(request, rows);
                left -= rows;
            }
        }

        return Requests.Count > 0;
    }

    /// <summary>Puts a prompt behind those of its own and of higher priorities.</summary>
    private void AddPrompt(EngineRequest request)
    {
        var at = _prompts.Count;
        while (at > 0 && _prompts[at - 1].Priority < request.Priority)
        {
            at--;
        }

        _prompts.Insert(at, request);
    }

    public void Clear()
    {
        foreach (var request in Requests)
        {
            request.RowsInStep = 0;
            request.OutputsInStep = 0;
        }

        Requests.Clear();
        Inputs.Clear();
        HasAdapters = false;
        HasHooks = false;
    }

    private void Add(EngineRequest request, int rows)
    {
        var sequence = request.Sequence;
        var step = Inputs.AddSequence();
        step.Slot = sequence.State.Slot;
        step.Adapters = sequence.Adapters?.Set;
        HasAdapters |= step.Adapters is not null;
        step.Hook = sequence.Adapters?.Hooks;
        HasHooks |= step.Hook is not null;
        for (var group = 0; group < sequence.State.Groups; group++)
        {
            var table = sequence.State.Table(group);
            step.SetPages(group, table.Pages, group == 0 ? sequence.Cached + rows : table.Length);
        }

        var outputs = Inputs.OutputCount;
        var tokens = sequence.Tokens;
        for (var i = sequence.Cached; i < sequence.Cached + rows; i++)
        {
            Inputs.AddRow(tokens[i], i, i >= request.FirstOutput);
        }

        request.RowsInStep = rows;
        request.OutputsInStep = Inputs.OutputCount - outputs;
        Requests.Add(request);
    }
}
