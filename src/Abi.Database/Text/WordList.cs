namespace Abi.Database.Text;

/// <summary>
/// The words of an index, to be found by how they begin: a sorted array, and behind it those that came since, which are sorted in when they are many. One writer; readers at any time. It may
/// still have words that are gone: they go when the next are sorted in.
/// </summary>
/// <param name="isThere">Whether the index still has a word.</param>
internal sealed class WordList(Func<string, bool> isThere)
{
    private sealed record State(string[] Sorted, string[] Recent);

    private State _state = new([], new string[64]);
    private int _recent; // of the state's Recent

    /// <summary>Adds a word.</summary>
    public void Add(string word)
    {
        var state = _state;
        if (_recent == state.Recent.Length)
        {
            string[] sorted = [.. state.Sorted.Concat(state.Recent).Where(isThere).Distinct(StringComparer.Ordinal)];
            Array.Sort(sorted, StringComparer.Ordinal);
            Volatile.Write(ref _state, state = new State(sorted, new string[Math.Max(64, sorted.Length / 8)]));
            _recent = 0;
        }

        Volatile.Write(ref state.Recent[_recent], word);
        _recent++;
    }

    /// <summary>The words that begin with a prefix, each once.</summary>
    public IReadOnlyCollection<string> Find(string prefix)
    {
        var state = Volatile.Read(ref _state);
        HashSet<string> found = new(StringComparer.Ordinal);
        var at = Array.BinarySearch(state.Sorted, prefix, StringComparer.Ordinal);
        for (at = at < 0 ? ~at : at; at < state.Sorted.Length && state.Sorted[at].StartsWith(prefix, StringComparison.Ordinal); at++)
        {
            found.Add(state.Sorted[at]);
        }

        foreach (ref var place in state.Recent.AsSpan())
        {
            if (Volatile.Read(ref place) is not { } word)
            {
                break;
            }

            if (word.StartsWith(prefix, StringComparison.Ordinal))
            {
                found.Add(word);
            }
        }

        return found;
    }
}
