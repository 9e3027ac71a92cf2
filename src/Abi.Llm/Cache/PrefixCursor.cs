using Abi.Compute.Devices;

namespace Abi.Llm.Cache;

/// <summary>Where one sequence stands in the tree of known pages: it lends its full pages to others and takes theirs.</summary>
/// <remarks>For the engine's thread.</remarks>
internal sealed class PrefixCursor(PrefixCache? cache, SequenceState state)
{
    private const int PageLength = StateStore.PageLength;
    private int _last = PrefixCache.Root;
    private int _lastVersion;

    /// <summary>How many of the sequence's first pages are known.</summary>
    public int Pages { get; private set; }

    /// <summary>Whether the page it stands at is still known; once it is not, nothing more is lent or taken until the state is dropped.</summary>
    private bool IsAttached => cache is not null && (_last == PrefixCache.Root ? Pages == 0 : cache.Version(_last) == _lastVersion);

    /// <summary>
    /// Makes the pages that are full known. Where a page of the same content is known already, the sequence takes it and gives its own back: both hold the same bits.
    /// </summary>
    /// <param name="tokens">The sequence's tokens.</param>
    /// <param name="cached">How many of them have state.</param>
    public void Lend(ReadOnlySpan<int> tokens, int cached)
    {
        while ((Pages + 1) * PageLength <= cached && IsAttached)
        {
            var content = tokens.Slice(Pages * PageLength, PageLength);
            var table = state.Table(0);
            var page = table.Pages[Pages];
            var known = cache!.Find(_last, content);
            if (known != PrefixCache.Root)
            {
                if (page >= 0 && page != known)
                {
                    table.Replace(Pages, known);
                }

                page = known;
            }
            else if (page < 0 || cache.Knows(page))
            {
                return; // behind the window already
            }
            else
            {
                cache.Add(_last, content, page);
            }

            MoveTo(page);
        }
    }

    /// <summary>Takes known pages for the tokens from <paramref name="cached"/> on, as far as whole pages below <paramref name="limit"/> are known.</summary>
    /// <returns>How many tokens have state now.</returns>
    public int Take(ReadOnlySpan<int> tokens, int cached, int limit)
    {
        while (cached == Pages * PageLength && cached + PageLength <= limit && IsAttached)
        {
            var known = cache!.Find(_last, tokens.Slice(cached, PageLength));
            if (known == PrefixCache.Root)
            {
                break;
            }

            state.Table(0).Replace(Pages, known);
            cached += PageLength;
            state.Advance(0, cached);
            MoveTo(known);
        }

        return cached;
    }

    /// <summary>The state was cut to <paramref name="length"/> tokens.</summary>
    public void CutTo(int length)
    {
        while (Pages > length / PageLength && IsAttached)
        {
            Pages--;
            _last = cache!.Parent(_last);
            _lastVersion = cache.Version(_last);
        }
    }

    /// <summary>The state is gone.</summary>
    public void Reset() => (Pages, _last, _lastVersion) = (0, PrefixCache.Root, 0);

    /// <summary>Stands where another stands, whose pages the sequence shares.</summary>
    public void MoveTo(PrefixCursor other) => (Pages, _last, _lastVersion) = (other.Pages, other._last, other._lastVersion);

    private void MoveTo(int page) => (Pages, _last, _lastVersion) = (Pages + 1, page, cache!.Version(page));
}
