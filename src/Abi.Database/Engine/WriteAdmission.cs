namespace Abi.Database.Engine;

/// <summary>
/// Leaves a processor to searches: while somebody searches, what writing computes (applying commits, changing graphs) is done in turns, of which there are fewer at a time than processors. A turn
/// is a group of commits, or about one node of a graph, and goes to whoever asked first. While nobody searches nobody waits.
/// </summary>
/// <remarks>
/// Thread-safe. Within a turn nobody waits for a flush, nor for a lock whose owner may be waiting for a turn, such as that of a graph which is being changed; so every turn ends.
/// </remarks>
/// <param name="width">How many turns there are at a time.</param>
internal sealed class WriteAdmission(int width)
{
    /// <summary>For how long after a search writing expects another one, in milliseconds.</summary>
    public const int Attention = 1000;

    private readonly object _gate = new(); // no Lock: it is waited on
    private long _taken;
    private long _ended;
    private long _searched = -Attention;

    /// <summary>Whether somebody searched lately.</summary>
    public bool IsSearched => Environment.TickCount64 - Volatile.Read(ref _searched) < Attention;

    /// <summary>Tells that somebody searches.</summary>
    public void NoteSearch()
    {
        var now = Environment.TickCount64;
        if (Volatile.Read(ref _searched) != now)
        {
            Volatile.Write(ref _searched, now);
        }
    }

    /// <summary>Waits for a turn, which ends when it is disposed of.</summary>
    public Turn Enter()
    {
        if (!IsSearched)
        {
            return default;
        }

        lock (_gate)
        {
            for (var ticket = _taken++; ticket - _ended >= width;)
            {
                Monitor.Wait(_gate);
            }
        }

        return new Turn(this);
    }

    private void Leave()
    {
        lock (_gate)
        {
            if (_taken - _ended++ > width)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>A turn; an empty one when nobody searches.</summary>
    public readonly ref struct Turn(WriteAdmission? admission)
    {
        public void Dispose() => admission?.Leave();
    }
}
