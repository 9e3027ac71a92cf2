namespace Abi.Llm.Tokenizers;

/// <summary>
/// Cuts text at tokens that are matched whole: user-defined ones always, control and unknown ones when special text is parsed. Longer tokens are matched first, over the whole text, as llama.cpp does.
/// </summary>
internal sealed class SpecialTokens
{
    private readonly Vocabulary _vocabulary;
    private readonly Dictionary<int, int>[] _children; // per node: byte → node; the trie of all such tokens
    private readonly int[] _ids; // per node: the token that ends there, or -1
    private readonly HashSet<int> _stripsRight;
    private readonly HashSet<int> _stripsLeft;

    public SpecialTokens(Vocabulary vocabulary, HashSet<int> stripsLeft, HashSet<int> stripsRight)
    {
        _vocabulary = vocabulary;
        _stripsLeft = stripsLeft;
        _stripsRight = stripsRight;
        List<Dictionary<int, int>> children = [new()];
        List<int> ids = [-1];
        for (var id = 0; id < vocabulary.Count; id++)
        {
            if (vocabulary.KindOf(id) is not (TokenKind.Control or TokenKind.UserDefined or TokenKind.Unknown) || vocabulary.Texts[id].Length == 0)
            {
                continue;
            }

            var node = 0;
            foreach (var b in vocabulary.Texts[id])
            {
                if (!children[node].TryGetValue(b, out var next))
                {
                    next = children.Count;
                    children.Add(new());
                    ids.Add(-1);
                    children[node].Add(b, next);
                }

                node = next;
            }

            ids[node] = id;
        }

        _children = [.. children];
        _ids = [.. ids];
    }

    /// <summary>The parts of a text in order: runs of text (<c>Id</c> -1) and tokens; steering tokens never cover a guarded byte (ascending).</summary>
    public List<(int Start, int Length, int Id)> Split(ReadOnlySpan<byte> text, bool parseSpecial, ReadOnlySpan<int> guarded = default)
    {
        var matches = Matches(text, parseSpecial);
        if (matches is not null && !guarded.IsEmpty)
        {
            RemoveGuarded(matches, guarded);
        }

        if (matches is null)
        {
            return [(0, text.Length, -1)];
        }

        // Longest first; equal lengths from the left. A match that overlaps one already taken is dropped.
        matches.Sort((a, b) => a.Length != b.Length ? b.Length.CompareTo(a.Length) : a.Start.CompareTo(b.Start));
        var taken = new List<(int Start, int Length, int Id)>();
        var covered = new bool[text.Length];
        foreach (var match in matches)
        {
            if (!covered.AsSpan(match.Start, match.Length).Contains(true))
            {
                covered.AsSpan(match.Start, match.Length).Fill(true);
                taken.Add(match);
            }
        }

        taken.Sort((a, b) => a.Start.CompareTo(b.Start));
        List<(int, int, int)> parts = [];
        var position = 0;
        foreach (var (start, length, id) in taken)
        {
            var end = start;
            while (_stripsLeft.Contains(id) && end > position && IsSpace(text[end - 1]))
            {
                end--;
            }

            if (end > position)
            {
                parts.Add((position, end - position, -1));
            }

            parts.Add((start, length, id));
            position = start + length;
            while (_stripsRight.Contains(id) && position < text.Length && IsSpace(text[position]) && !covered[position])
            {
                position++;
            }
        }

        if (position < text.Length)
        {
            parts.Add((position, text.Length - position, -1));
        }

        return parts;
    }

    /// <summary>Drops matches of steering tokens that cover a guarded byte.</summary>
    private void RemoveGuarded(List<(int Start, int Length, int Id)> matches, ReadOnlySpan<int> guarded)
    {
        var kept = 0;
        for (var i = 0; i < matches.Count; i++)
        {
            var match = matches[i];
            var place = guarded.BinarySearch(match.Start);
            place = place < 0 ? ~place : place;
            var isCovering = place < guarded.Length && guarded[place] < match.Start + match.Length;
            if (!isCovering || !Chat.ContentGuard.IsSteering(_vocabulary.KindOf(match.Id), _vocabulary.Texts[match.Id]))
            {
                matches[kept++] = match;
            }
        }

        matches.RemoveRange(kept, matches.Count - kept);
    }

    private static bool IsSpace(byte b) => b is 32 or (>= 9 and <= 13);

    private List<(int Start, int Length, int Id)>? Matches(ReadOnlySpan<byte> text, bool parseSpecial)
    {
        List<(int, int, int)>? matches = null;
        for (var start = 0; start < text.Length; start++)
        {
            var node = 0;
            for (var i = start; i < text.Length && _children[node].TryGetValue(text[i], out node); i++)
            {
                var id = _ids[node];
                if (id >= 0 && (parseSpecial || _vocabulary.KindOf(id) == TokenKind.UserDefined))
                {
                    (matches ??= []).Add((start, i + 1 - start, id));
                }
            }
        }

        return matches;
    }
}
