using Abi.Compute.Devices;
using Abi.Compute.Graphs;
using Microsoft.Extensions.Logging;

namespace Abi.Llm.Engine;

/// <summary>
/// An embedding graph, lowered for steps of so many rows, with state of its own: a text lies whole in one step, so pages and slots are used anew by every step, and no text waits for
/// the room of a generation.
/// </summary>
/// <remarks>For the engine's thread.</remarks>
internal sealed class EmbeddingPlan : IDisposable
{
    private readonly StepPlan _plan;
    private readonly StateStore? _state;
    private readonly Value _output;
    private readonly StepInputs _inputs = new();
    private readonly int[] _slots; // which recurrent slot each text of a step takes; empty without recurrent state
    private readonly List<int[]> _pages = [];

    public EmbeddingPlan(IDevice device, Graph graph, EngineOptions options, int maximumRows, ILogger logger)
    {
        _output = graph.Find("embeddings") ?? throw new ArgumentException("The graph has no output named 'embeddings'.", nameof(graph));
        MaximumRows = maximumRows;
        MaximumTexts = Math.Min(maximumRows, 4 * options.MaximumSequences);
        if (!graph.State.Cache.IsEmpty || !graph.State.IsPositional)
        {
            var slots = ContextSizing.RecurrentSlots(graph.State, MaximumTexts);
            MaximumTexts = slots > 0 ? Math.Min(slots, MaximumTexts) : MaximumTexts;
            _state = device.CreateState(graph.State, new StateOptions
            {
                CacheType = options.CacheType,
                ValueCacheType = options.ValueCacheType,
                // a text begins on a page of its own
                Pages = graph.State.Cache.IsEmpty ? 0 : Cache.StatePool.PagesFor(maximumRows) + MaximumTexts,
                RecurrentSlots = slots,
            });
            _slots = [.. Enumerable.Range(0, slots)];
        }
        else
        {
            _slots = [];
        }

        try
        {
            _plan = device.Lower(graph, new LoweringOptions
            {
                Activations = options.Activations,
                MaximumRows = maximumRows,
                MaximumOutputs = maximumRows,
                MaximumSequences = MaximumTexts,
                Repack = options.Repack,
                Logger = logger,
            });
        }
        catch
        {
            _state?.Dispose();
            throw;
        }
    }

    /// <summary>The most token rows of one step.</summary>
    public int MaximumRows { get; }

    /// <summary>The most texts of one step.</summary>
    public int MaximumTexts { get; }

    /// <summary>The components of a row of the result.</summary>
    public int Width => _output.Width;

    /// <summary>Whether the result has a row for each token, and not one for each text.</summary>
    public bool IsByToken => _output.Rows == RowSpace.Tokens;

    /// <summary>The bytes of scratch and state.</summary>
    public long ScratchBytes => _plan.ScratchBytes + (_state is null ? 0 : (_state.Options.Pages * _state.PageBytes) + (_state.Options.RecurrentSlots * _state.SlotBytes));

    /// <summary>Computes texts in one step; the result is valid until the next one: [tokens or texts, <see cref="Width"/>].</summary>
    public ReadOnlySpan<float> Run(IReadOnlyList<int[]> texts, CancellationToken cancellationToken)
    {
        _inputs.Clear();
        var page = 0;
        for (var text = 0; text < texts.Count; text++)
        {
            var ids = texts[text];
            var sequence = _inputs.AddSequence();
            if (_state is not null)
            {
                if (_slots.Length > 0)
                {
                    sequence.Slot = _slots[text];
                    _state.ClearSlot(sequence.Slot);
                }

                var count = Cache.StatePool.PagesFor(ids.Length);
                var pages = PageTable(text, page, count);
                for (var group = 0; group < _state.Layout.Groups; group++)
                {
                    sequence.SetPages(group, pages, ids.Length);
                }

                page += count;
            }

            for (var i = 0; i < ids.Length; i++)
            {
                _inputs.AddRow(ids[i], i, wantsOutput: true);
            }
        }

        _plan.Run(_inputs, _state, cancellationToken);
        return _plan.Read(_output);
    }

    public void Dispose()
    {
        _plan.Dispose();
        _state?.Dispose();
    }

    /// <summary>Consecutive pages, in an array that is used again.</summary>
    private int[] PageTable(int text, int first, int count)
    {
        if (text == _pages.Count)
        {
            _pages.Add([]);
        }

        if (_pages[text].Length < count)
        {
            _pages[text] = new int[count];
        }

        for (var i = 0; i < count; i++)
        {
            _pages[text][i] = first + i;
        }

        return _pages[text];
    }
}
