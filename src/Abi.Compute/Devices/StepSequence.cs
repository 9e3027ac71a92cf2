using Abi.Compute.Adapters;
using Abi.Compute.Hooks;

namespace Abi.Compute.Devices;

/// <summary>One sequence's part in a step.</summary>
/// <remarks>For one thread at a time: filled between steps, read while one runs.</remarks>
public sealed class StepSequence
{
    private int[][] _pages = [];
    private int[] _lengths = [];

    /// <summary>The first token row.</summary>
    public int FirstRow { get; private set; }

    /// <summary>The number of token rows.</summary>
    public int RowCount { get; internal set; }

    /// <summary>The slot of recurrent state; -1 for none.</summary>
    public int Slot { get; set; }

    /// <summary>The changes of weights that apply to its rows, or null; read only by graphs with places for them (<see cref="AdaptedGraph"/>).</summary>
    public AdapterSet? Adapters { get; set; }

    /// <summary>Looks at its rows, or null; called only by graphs with places for it (<see cref="HookedGraph"/>).</summary>
    public IRowHook? Hook { get; set; }

    /// <summary>How many positions of a group hold keys and values once this step's own are stored.</summary>
    public int Length(int group) => group < _lengths.Length ? _lengths[group] : 0;

    /// <summary>The pages of a group: position p is in page <c>pages[p / PageLength]</c>. Pages before a window may be -1.</summary>
    public ReadOnlySpan<int> Pages(int group) => group < _pages.Length ? _pages[group] : default;

    /// <summary>Sets the page table of a group.</summary>
    /// <param name="group">The group.</param>
    /// <param name="pages">The table, which is kept, not copied: at least enough for <paramref name="length"/> positions.</param>
    /// <param name="length">The positions that hold keys and values once this step's own are stored.</param>
    public void SetPages(int group, int[] pages, int length)
    {
        ArgumentNullException.ThrowIfNull(pages);
        if (group >= _pages.Length)
        {
            Array.Resize(ref _pages, group + 1);
            Array.Resize(ref _lengths, group + 1);
        }

        _pages[group] = pages;
        _lengths[group] = length;
    }

    internal void Reset(int firstRow)
    {
        FirstRow = firstRow;
        RowCount = 0;
        Slot = -1;
        Adapters = null;
        Hook = null;
        Array.Clear(_lengths);
    }
}
