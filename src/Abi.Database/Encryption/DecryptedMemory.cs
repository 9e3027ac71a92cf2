namespace Abi.Database.Encryption;

/// <summary>Counts the decrypted records and vectors in memory against a budget.</summary>
internal sealed class DecryptedMemory
{
    private readonly Lock _gate = new();
    private readonly long _budget;
    private long _used;

    /// <param name="budget">The most bytes; <see cref="DatabaseOptions.DecryptedBytes"/>.</param>
    public DecryptedMemory(long budget) => (_budget, Pages) = (budget, new DecryptedPages(this));

    /// <summary>What is decrypted page by page, with what is left of the budget.</summary>
    public DecryptedPages Pages { get; }

    public long Used => Interlocked.Read(ref _used);

    /// <summary>Takes bytes for what could also be read page by page: only while half of the budget is left for the pages of what cannot be in memory whole. The lease is as with <see cref="Take"/>.</summary>
    /// <returns>Null when they are too many.</returns>
    public Lease? TryTakeWhole(long bytes) => TryTake(bytes, _budget / 2) ? new Lease(this, bytes) : null;

    /// <summary>Takes bytes until the lease is disposed of, or collected with what it was taken for. Pages make room.</summary>
    /// <exception cref="DatabaseException">The budget does not allow it.</exception>
    public Lease Take(long bytes, string what)
    {
        if (!Pages.TryTakeByGivingUp(bytes))
        {
            // What was read before and is not referred to any more still counts until it is collected.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            if (!Pages.TryTakeByGivingUp(bytes))
            {
                throw new DatabaseException($"{what} would take {bytes} bytes of memory decrypted, beside {Used} that are taken, but {nameof(DatabaseOptions)}.{nameof(DatabaseOptions.DecryptedBytes)} allows {_budget}. Allow more, keep less in one database, or take an index whose vectors need not be in memory: DiskAnn, IvfPq, or a quantized field.");
            }
        }

        return new Lease(this, bytes);
    }

    /// <summary>Takes bytes until <see cref="Give"/>.</summary>
    public bool TryTake(long bytes) => TryTake(bytes, _budget);

    /// <summary>Gives taken bytes back.</summary>
    public void Give(long bytes)
    {
        lock (_gate)
        {
            _used -= bytes;
        }
    }

    private bool TryTake(long bytes, long most)
    {
        lock (_gate)
        {
            if (bytes > most - _used)
            {
                return false;
            }

            _used += bytes;
            return true;
        }
    }

    /// <summary>Bytes taken.</summary>
    internal sealed class Lease(DecryptedMemory memory, long bytes) : IDisposable
    {
        private int _isGiven;

        ~Lease() => Give();

        public long Bytes => bytes;

        public void Dispose()
        {
            Give();
            GC.SuppressFinalize(this);
        }

        private void Give()
        {
            if (Interlocked.Exchange(ref _isGiven, 1) == 0)
            {
                memory.Give(bytes);
            }
        }
    }
}
