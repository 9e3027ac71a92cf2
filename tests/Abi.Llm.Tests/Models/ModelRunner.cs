using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Llm.Models;

namespace Abi.Llm.Tests.Models;

/// <summary>Drives a decoder's plan directly: one sequence, its pages and its slot.</summary>
internal sealed class ModelRunner : IDisposable
{
    private readonly StepInputs _step = new();
    private readonly StepPlan _plan;
    private readonly StateStore _state;
    private readonly Value _logits;
    private readonly int[] _pages;
    private int _length;

    public ModelRunner(IDevice device, ModelDefinition model, ActivationPrecision activations = ActivationPrecision.Exact, TensorType cache = TensorType.F32, int context = 128)
    {
        var graph = model.DecoderGraph!;
        _logits = graph.Find("logits")!;
        _plan = device.Lower(graph, new LoweringOptions { Activations = activations });
        var pages = (context + StateStore.PageLength - 1) / StateStore.PageLength;
        // A page table out of order: nothing may depend on where pages lie.
        _pages = [.. Enumerable.Range(0, pages).Reverse()];
        _state = device.CreateState(graph.State, new StateOptions { Pages = pages, CacheType = cache, RecurrentSlots = 2 });
    }

    /// <summary>Feeds ids in one step; the logits of every one: [ids, vocabulary].</summary>
    public float[] Feed(ReadOnlySpan<int> ids)
    {
        _step.Clear();
        var sequence = _step.AddSequence();
        sequence.Slot = 1;
        sequence.SetPages(0, _pages, _length + ids.Length);
        foreach (var id in ids)
        {
            _step.AddRow(id, _length++, wantsOutput: true);
        }

        _plan.Run(_step, _state);
        return _plan.Read(_logits).ToArray();
    }

    public void Dispose()
    {
        _plan.Dispose();
        _state.Dispose();
    }
}
