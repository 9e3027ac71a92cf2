namespace Abi.Llm.Cache;

/// <summary>
/// The state of models that keep recurrent state, as it was behind known tokens. Recurrent state cannot be cut, so whoever wants to go back, or begins like another text, goes on
/// from the longest checkpoint that fits. The least recently used one is given up when there are too many, or when memory is needed.
/// </summary>
/// <remarks>
/// Thread-safe for the counts; all else is for the engine's thread. A checkpoint shares its pages and slot with the sequence until that writes them. Its tokens are compared one by one. Nothing is allocated once as many
/// checkpoints as there may be have been as long as they get.
/// </remarks>
internal sealed class CheckpointCache(StatePool pool, int capacity, int interval)
{
    /// <summary>Prompts below this are computed anew sooner than a checkpoint at their end pays.</summary>
    private const int LeastPrompt = 64;

    private readonly Lock _lock = new();
    private readonly List<Checkpoint> _checkpoints = []; // least recently used first
    private readonly Stack<Checkpoint> _unused = [];
    private readonly int[] _held = new int[pool.Pages.Count]; // by page: how many checkpoints hold it; scratch of CountUnshared

    /// <summary>How many there are.</summary>
    public int Count => _checkpoints.Count;

    /// <summary>How many rows of a prompt a step takes, so that it ends where a checkpoint is wanted: at multiples of the interval, and before the last token of the prompt.</summary>
    /// <param name="cached">The tokens that are computed.</param>
    /// <param name="count">All tokens.</param>
    /// <param name="rows">How many the step could take.</param>
    public int Rows(int cached, int count, int rows)
    {
        rows = Math.Min(rows, interval - (cached % interval));
        return count >= LeastPrompt && rows > 1 && cached + rows == count ? rows - 1 : rows;
    }

    /// <summary>Whether the state behind so many tokens is worth a checkpoint.</summary>
    /// <param name="cached">The tokens that are computed.</param>
    /// <param name="count">All tokens.</param>
    /// <param name="rows">How many the last step took.</param>
    public bool IsWanted(int cached, int count, int rows) => cached % interval == 0 || (count >= LeastPrompt && rows > 1 && cached == count - 1);

    /// <summary>Remembers the state behind <paramref name="tokens"/>.</summary>
    public void Add(ReadOnlySpan<int> tokens, SequenceState state)
    {
        lock (_lock)
        {
            for (var i = 0; i < _checkpoints.Count; i++)
            {
                if (_checkpoints[i].Tokens.SequenceEqual(tokens))
                {
                    Touch(i);
                    return;
                }
            }

            if (_checkpoints.Count == capacity)
            {
                TryEvict();
            }

            var checkpoint = _unused.TryPop(out var used) ? used : new Checkpoint(new SequenceState(pool));
            checkpoint.SetTokens(tokens);
            state.ShareWith(checkpoint.State);
            _checkpoints.Add(checkpoint);
        }
    }

    /// <summary>Gives a sequence the longest known state below <paramref name="limit"/> tokens, if that is more than it has.</summary>
    /// <returns>How many tokens have state now.</returns>
    public int Take(ReadOnlySpan<int> tokens, int cached, int limit, SequenceState state)
    {
        lock (_lock)
        {
            var best = -1;
            for (var i = 0; i < _checkpoints.Count; i++)
            {
                var known = _checkpoints[i].Tokens;
                if (known.Length <= limit && known.Length > cached && tokens.StartsWith(known))
                {
                    (best, cached) = (i, known.Length);
                }
            }

            if (best >= 0)
            {
                var checkpoint = Touch(best);
                state.Clear();
                checkpoint.State.ShareWith(state);
            }

            return cached;
        }
    }

    /// <summary>Gives up the least recently used one. False when there is none.</summary>
    public bool TryEvict()
    {
        lock (_lock)
        {
            if (_checkpoints.Count == 0)
            {
                return false;
            }

            var checkpoint = _checkpoints[0];
            _checkpoints.RemoveAt(0);
            checkpoint.State.Clear();
            _unused.Push(checkpoint);
            return true;
        }
    }

    /// <summary>What nobody but checkpoints holds: so many pages and slots are free when they are wanted.</summary>
    public (int Pages, int Slots) CountUnshared()
    {
        lock (_lock)
        {
            Array.Clear(_held);
            var (pages, slots) = (0, 0);
            foreach (var checkpoint in _checkpoints)
            {
                slots += pool.Slots.IsShared(checkpoint.State.Slot) ? 0 : 1;
                for (var group = 0; group < checkpoint.State.Groups; group++)
                {
                    var table = checkpoint.State.Table(group);
                    foreach (var page in table.Pages.AsSpan(0, StatePool.PagesFor(table.Length)))
                    {
                        pages += page >= 0 && ++_held[page] == pool.Pages.References(page) ? 1 : 0;
                    }
                }
            }

            return (pages, slots);
        }
    }

    private Checkpoint Touch(int index)
    {
        var checkpoint = _checkpoints[index];
        _checkpoints.RemoveAt(index);
        _checkpoints.Add(checkpoint);
        return checkpoint;
    }

    private sealed class Checkpoint(SequenceState state)
    {
        private int[] _tokens = []; // [capacity]
        private int _count;

        public SequenceState State => state;

        public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, _count);

        public void SetTokens(ReadOnlySpan<int> tokens)
        {
            if (_tokens.Length < tokens.Length)
            {
                _tokens = new int[Math.Max(tokens.Length, _tokens.Length * 2)];
            }

            tokens.CopyTo(_tokens);
            _count = tokens.Length;
        }
    }
}
