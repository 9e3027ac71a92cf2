namespace Abi.Database.Encryption;

/// <summary>
/// Frames for decrypted pages, as many as the budget leaves room for. When it leaves none, the hand of a clock (Corbató, "A Paging Experiment with the Multics System", 1968) goes round and takes a page
/// that was not read since it last came by.
/// </summary>
/// <remarks>Thread-safe.</remarks>
/// <param name="memory">The budget, which holds each frame.</param>
internal sealed class DecryptedPages(DecryptedMemory memory)
{
    private readonly Lock _gate = new();
    private readonly List<PageFrame> _clock = [];
    private int _hand;

    ~DecryptedPages() => _clock.ForEach(frame => frame.Free());

    /// <summary>An empty frame, held by the caller, who must release it; null when there is no room and all are in use.</summary>
    public PageFrame? TryTake()
    {
        lock (_gate)
        {
            if (memory.TryTake(PageFrame.Bytes))
            {
                var frame = new PageFrame(this);
                _clock.Add(frame);
                return frame;
            }

            return TurnHand() ? _clock[_hand] : null;
        }
    }

    /// <summary>Takes bytes from the budget for what has to be in memory whole, and gives up frames for them. Meanwhile no frame is made, which would take what was given up.</summary>
    /// <returns>False when there is no room for them even without the frames that nobody uses.</returns>
    public bool TryTakeByGivingUp(long bytes)
    {
        lock (_gate)
        {
            while (!memory.TryTake(bytes))
            {
                if (!TurnHand())
                {
                    return false;
                }

                _clock[_hand].Free(); // who found it in a table a moment ago finds it held for ever
                _clock[_hand] = _clock[^1];
                _clock.RemoveAt(_clock.Count - 1);
                memory.Give(PageFrame.Bytes);
            }

            return true;
        }
    }

    // To a frame that is held and empty now. Round twice at most: the first time takes the marks away.
    private bool TurnHand()
    {
        for (var left = 2 * _clock.Count; left > 0; left--)
        {
            _hand = (_hand + 1) % _clock.Count;
            if (!_clock[_hand].TakeWasRead() && _clock[_hand].TryHold())
            {
                return true;
            }
        }

        return false;
    }
}
