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
    private readonly ModelDefinition _model;
    private readonly IDevice _device;
    private readonly LoweringOptions _options;
    private int _length;
    private int _encoded;

    public ModelRunner(IDevice device, ModelDefinition model, ActivationPrecision activations = ActivationPrecision.Exact, TensorType cache = TensorType.F32, int context = 128)
    {
        var graph = model.DecoderGraph!;
        _logits = graph.Find("logits")!;
        (_model, _device, _options) = (model, device, new LoweringOptions { Activations = activations });
        _plan = device.Lower(graph, _options);
        var pages = (context + StateStore.PageLength - 1) / StateStore.PageLength;
        // A page table out of order: nothing may depend on where pages lie.
        _pages = [.. Enumerable.Range(0, pages).Reverse()];
        _state = device.CreateState(graph.State, new StateOptions { Pages = 2 * pages, CacheType = cache, RecurrentSlots = 2 });
    }

    private int[] EncoderPages => [.. _pages.Select(page => page + _pages.Length)];

    /// <summary>Feeds ids in one step; the logits of every one from the first that they are wanted of: [ids, vocabulary].</summary>
    public float[] Feed(ReadOnlySpan<int> ids, int firstOutput = 0)
    {
        _step.Clear();
        var sequence = _step.AddSequence();
        sequence.Slot = 1;
        sequence.SetPages(0, _pages, _length + ids.Length);
        if (_encoded > 0)
        {
            sequence.SetPages(1, EncoderPages, _encoded);
        }

        for (var i = 0; i < ids.Length; i++)
        {
            _step.AddRow(ids[i], _length++, wantsOutput: i >= firstOutput);
        }

        _plan.Run(_step, _state);
        return _plan.Read(_logits).ToArray();
    }

    /// <summary>Runs the encoder of an encoder-decoder over the whole input.</summary>
    public void Encode(ReadOnlySpan<int> ids)
    {
        using var plan = _device.Lower(_model.EncoderGraph!, _options);
        _step.Clear();
        var sequence = _step.AddSequence();
        sequence.Slot = 1;
        _encoded = ids.Length;
        sequence.SetPages(1, EncoderPages, _encoded);
        for (var i = 0; i < ids.Length; i++)
        {
            _step.AddRow(ids[i], i, wantsOutput: false);
        }

        plan.Run(_step, _state);
    }

    public void Dispose()
    {
        _plan.Dispose();
        _state.Dispose();
    }
}
