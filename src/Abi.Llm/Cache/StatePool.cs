using System.Collections.Immutable;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Llm.Cache;

/// <summary>The state of all sequences of an engine: pages of keys and values and slots of recurrent state, and who holds them.</summary>
/// <remarks>For the engine's thread; the counts may be read by any.</remarks>
internal sealed class StatePool : IDisposable
{
    public StatePool(StateStore store)
    {
        Store = store;
        Pages = new IndexAllocator(store.Options.Pages);
        Slots = new IndexAllocator(store.Options.RecurrentSlots);
        HasRecurrent = !store.Layout.IsPositional;
        Windows = [.. Enumerable.Range(0, store.Layout.Groups).Select(group => Window(store.Layout, group))];
    }

    public StateStore Store { get; }

    public IndexAllocator Pages { get; }

    public IndexAllocator Slots { get; }

    public bool HasRecurrent { get; }

    public int Groups => Windows.Length;

    /// <summary>How far back any layer of each group reads; 0 for all the way.</summary>
    public ImmutableArray<int> Windows { get; }

    public long TotalBytes => (Pages.Count * Store.PageMemoryBytes) + (Slots.Count * Store.SlotMemoryBytes);

    public long UsedBytes => (Pages.UsedCount * Store.PageMemoryBytes) + (Slots.UsedCount * Store.SlotMemoryBytes);

    public static int PagesFor(int positions) => (positions + StateStore.PageLength - 1) / StateStore.PageLength;

    public void Dispose() => Store.Dispose();

    private static int Window(StateLayout layout, int group)
    {
        var window = 0;
        foreach (var layer in layout.Cache)
        {
            if (layer.Group == group)
            {
                if (layer.Window == 0)
                {
                    return 0;
                }

                window = Math.Max(window, layer.Window);
            }
        }

        return window;
    }
}
