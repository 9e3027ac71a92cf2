using Abi.Compute.Devices;

namespace Abi.Llm.Cache;

/// <summary>The pages of one sequence in one group: position p is in page <c>Pages[p / PageLength]</c>; −1 where a page was given back behind a window.</summary>
internal sealed class PageTable(StatePool pool)
{
    private int[] _pages = []; // [capacity]
    private int _count;

    /// <summary>The table, to hand to a step: it may be longer than is used.</summary>
    public int[] Pages => _pages;

    /// <summary>How many positions hold keys and values.</summary>
    public int Length { get; private set; }

    /// <summary>The pages that are still needed before positions up to <paramref name="length"/> can be written, copies of shared ones included.</summary>
    public int Missing(int length)
    {
        var missing = Math.Max(0, StatePool.PagesFor(length) - _count);
        var open = Length / StateStore.PageLength; // the page that is written next
        return Length % StateStore.PageLength != 0 && open < _count && pool.Pages.IsShared(_pages[open]) && length > Length ? missing + 1 : missing;
    }

    /// <summary>Makes positions up to <paramref name="length"/> writable: takes pages, and copies the open page when it is shared. False, with nothing changed, when there are too few.</summary>
    public bool TryReserve(int length)
    {
        if (Missing(length) > pool.Pages.FreeCount)
        {
            return false;
        }

        var open = Length / StateStore.PageLength;
        if (length > Length && Length % StateStore.PageLength != 0 && open < _count && pool.Pages.IsShared(_pages[open]))
        {
            pool.Pages.TryRent(out var copy);
            pool.Store.CopyPage(_pages[open], copy);
            pool.Pages.Release(_pages[open]);
            _pages[open] = copy;
        }

        var needed = StatePool.PagesFor(length);
        if (needed > _pages.Length)
        {
            Array.Resize(ref _pages, Math.Max(needed, Math.Max(8, _pages.Length * 2)));
        }

        while (_count < needed)
        {
            pool.Pages.TryRent(out _pages[_count++]);
        }

        return true;
    }

    /// <summary>Sets room aside for a table of so many positions, so that growing allocates nothing.</summary>
    public void SetCapacity(int positions)
    {
        if (StatePool.PagesFor(positions) > _pages.Length)
        {
            Array.Resize(ref _pages, StatePool.PagesFor(positions));
        }
    }

    /// <summary>Counts positions as written.</summary>
    public void Advance(int length) => Length = length;

    /// <summary>Puts a page that already holds what belongs there in the place of the table's own, or at its end, and holds it.</summary>
    public void Replace(int index, int page)
    {
        pool.Pages.Retain(page);
        if (index < _count)
        {
            pool.Pages.Release(_pages[index]);
        }
        else
        {
            SetCapacity((index + 1) * StateStore.PageLength);
            _count = index + 1;
        }

        _pages[index] = page;
    }

    /// <summary>Cuts back to <paramref name="length"/> positions. False when a window has already given back what is then read: the sequence has to be computed anew.</summary>
    public bool TryTruncate(int length, int window)
    {
        if (length >= Length)
        {
            TrimPages(Length);
            return true;
        }

        var firstRead = window == 0 ? 0 : Math.Max(0, length - window + 1) / StateStore.PageLength;
        for (var page = firstRead; page < StatePool.PagesFor(length); page++)
        {
            if (_pages[page] < 0)
            {
                return false;
            }
        }

        TrimPages(length);
        Length = length;
        return true;
    }

    /// <summary>Gives back pages that no position from <see cref="Length"/> on reads.</summary>
    public void ReleaseBehind(int window)
    {
        var keep = Math.Max(0, Length - window + 1) / StateStore.PageLength;
        for (var page = keep - 1; page >= 0 && _pages[page] >= 0; page--)
        {
            pool.Pages.Release(_pages[page]);
            _pages[page] = -1;
        }
    }

    public void Clear()
    {
        TrimPages(0);
        Length = 0;
    }

    /// <summary>Shares all pages with an empty table.</summary>
    public void ShareWith(PageTable other)
    {
        other.SetCapacity(_count * StateStore.PageLength);
        var written = StatePool.PagesFor(Length);
        for (var page = 0; page < written; page++)
        {
            other._pages[page] = _pages[page];
            if (_pages[page] >= 0)
            {
                pool.Pages.Retain(_pages[page]);
            }
        }

        other._count = written;
        other.Length = Length;
    }

    private void TrimPages(int length)
    {
        var needed = StatePool.PagesFor(length);
        while (_count > needed)
        {
            if (_pages[--_count] >= 0)
            {
                pool.Pages.Release(_pages[_count]);
            }
        }
    }
}
