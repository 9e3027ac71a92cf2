namespace Abi.Database.Encryption;

/// <summary>Counts the decrypted records and vectors in memory against a budget.</summary>
/// <param name="budget">The most bytes; <see cref="DatabaseOptions.DecryptedBytes"/>.</param>
internal sealed class DecryptedMemory(long budget)
{
    private readonly Lock _gate = new();
    private long _used;

    public long Used => Interlocked.Read(ref _used);

    /// <summary>Takes bytes until the lease is disposed of, or collected with what it was taken for.</summary>
    /// <exception cref="DatabaseException">The budget does not allow it.</exception>
    public Lease Take(long bytes, string what)
    {
        if (!TryTake(bytes))
        {
            // What was read before and is not referred to any more still counts until it is collected.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            if (!TryTake(bytes))
            {
                throw new DatabaseException($"{what} would take {bytes} bytes of memory decrypted, beside {Used} that are taken, but {nameof(DatabaseOptions)}.{nameof(DatabaseOptions.DecryptedBytes)} allows {budget}. Allow more, or keep less in one database.");
            }
        }

        return new Lease(this, bytes);
    }

    private bool TryTake(long bytes)
    {
        lock (_gate)
        {
            if (bytes > budget - _used)
            {
                return false;
            }

            _used += bytes;
            return true;
        }
    }

    private void Give(long bytes)
    {
        lock (_gate)
        {
            _used -= bytes;
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
