using Abi.Database.Rows;

namespace Abi.Database.Engine;

/// <summary>
/// Records, vectors and indexes that were replaced or dropped, and may still be read. Most of their memory is not managed: it is freed when they are collected, and nothing makes the
/// collector look for them soon. So it is asked.
/// </summary>
/// <remarks>For any thread.</remarks>
internal sealed class ReplacedStores
{
    private const int MostAsked = 10; // what lives on then is read for long, and found when the collector looks for something else

    private readonly List<(WeakReference Store, int Asked)> _stores = []; // under a lock on itself

    /// <summary>Takes one that nobody begins to read any more.</summary>
    public void Add(CollectionStore store)
    {
        lock (_stores)
        {
            _stores.Add((new WeakReference(store), 0));
        }
    }

    /// <summary>Asks the collector to look, beside all else, if any is alive. It does not hear that while it is looking, and a reader may be under way: so this is called again after a while.</summary>
    public void Ask()
    {
        lock (_stores)
        {
            _stores.RemoveAll(one => !one.Store.IsAlive || one.Asked == MostAsked);
            if (_stores.Count == 0)
            {
                return;
            }

            for (var i = 0; i < _stores.Count; i++)
            {
                _stores[i] = (_stores[i].Store, _stores[i].Asked + 1);
            }
        }

        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
    }
}
