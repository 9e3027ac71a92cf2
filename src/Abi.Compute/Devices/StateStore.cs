using Abi.Compute.Graphs;

namespace Abi.Compute.Devices;

/// <summary>The state of all sequences on one device: pages of keys and values, and slots of recurrent state. Who owns which page is the caller's book-keeping.</summary>
/// <remarks>Not thread-safe: one step at a time, and nothing else meanwhile.</remarks>
public abstract class StateStore : IDisposable
{
    /// <summary>The positions in one page. Attention is split at pages, so the number is part of every result's bits.</summary>
    public const int PageLength = 32;

    /// <summary>What is kept.</summary>
    public abstract StateLayout Layout { get; }

    /// <summary>How much of it.</summary>
    public abstract StateOptions Options { get; }

    /// <summary>The bytes of one page over all layers, in the form that <see cref="ReadPage(int, Span{byte})"/> gives.</summary>
    public virtual long PageBytes => PageLength * Layout.PositionBytes(Options.CacheType, Options.ValueCacheType ?? Options.CacheType);

    /// <summary>The bytes of one recurrent slot over all layers, in the form that <see cref="ReadSlot"/> gives.</summary>
    public virtual long SlotBytes => Layout.Recurrent.Sum(layer => (long)layer.Floats * sizeof(float));

    /// <summary>The memory that one page takes over all layers.</summary>
    public virtual long PageMemoryBytes => PageBytes;

    /// <summary>The memory that one recurrent slot takes over all layers.</summary>
    public virtual long SlotMemoryBytes => SlotBytes;

    /// <summary>Copies the content of a page to another (copy-on-write).</summary>
    public abstract void CopyPage(int from, int to);

    /// <summary>Copies a recurrent slot to another (forks and snapshots).</summary>
    public abstract void CopySlot(int from, int to);

    /// <summary>Zeroes a recurrent slot (a new sequence).</summary>
    public abstract void ClearSlot(int slot);

    /// <summary>
    /// Reads a page in a form that does not depend on the device: <paramref name="destination"/> is [<see cref="PageBytes"/>], for each layer its keys [32, heads, key size] and
    /// then its values [32, heads, value size], every head in whole blocks of the format.
    /// </summary>
    public abstract void ReadPage(int page, Span<byte> destination);

    /// <summary>
    /// Reads the first positions of a page for the layers of a group. All else is zero: behind a sequence's last position, and in layers of other groups, a page has what earlier sequences left there,
    /// which must not leave the process with this one's.
    /// </summary>
    /// <param name="page">The page.</param>
    /// <param name="group">The group of layers whose page it is.</param>
    /// <param name="positions">The positions, at most <see cref="PageLength"/>.</param>
    /// <param name="destination">[<see cref="PageBytes"/>], in the form of <see cref="ReadPage(int, Span{byte})"/>.</param>
    public void ReadPage(int page, int group, int positions, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)positions, (uint)PageLength, nameof(positions));
        ReadPage(page, destination);
        foreach (var layer in Layout.Cache)
        {
            var kept = layer.Group == group ? positions : 0;
            destination = ClearBehind(kept, layer.Heads * CacheLayer.HeadBytes(layer.KeySize, Options.CacheType), destination);
            destination = ClearBehind(kept, layer.Heads * CacheLayer.HeadBytes(layer.ValueSize, Options.ValueCacheType ?? Options.CacheType), destination);
        }

        static Span<byte> ClearBehind(int kept, int positionBytes, Span<byte> from)
        {
            var end = PageLength * positionBytes;
            from[(kept * positionBytes)..end].Clear();
            return from[end..];
        }
    }

    /// <summary>Writes what <see cref="ReadPage(int, Span{byte})"/> read.</summary>
    public abstract void WritePage(int page, ReadOnlySpan<byte> source);

    /// <summary>Reads a recurrent slot: <paramref name="destination"/> is [<see cref="SlotBytes"/>].</summary>
    public abstract void ReadSlot(int slot, Span<byte> destination);

    /// <summary>Writes what <see cref="ReadSlot"/> read.</summary>
    public abstract void WriteSlot(int slot, ReadOnlySpan<byte> source);

    /// <summary>Frees the memory; a second call does nothing.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the memory.</summary>
    protected abstract void Dispose(bool disposing);
}
