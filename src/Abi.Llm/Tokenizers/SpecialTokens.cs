namespace Abi.Llm.Tokenizers;

/// <summary>
/// Cuts text at tokens that are matched whole: user-defined ones always, control and unknown ones when special text is parsed. Longer tokens are matched first, over the whole text, as llama.cpp does;
/// of equally long ones, the left.
/// </summary>
internal sealed class SpecialTokens
{
    private readonly Vocabulary _vocabulary;
    private readonly ByteTrie _all = new();
    private readonly ByteTrie _userDefined = new();
    private readonly HashSet<int> _stripsRight;
    private readonly HashSet<int> _stripsLeft;

    public SpecialTokens(Vocabulary vocabulary, HashSet<int> stripsLeft, HashSet<int> stripsRight)
    {
        _vocabulary = vocabulary;
        _stripsLeft = stripsLeft;
        _stripsRight = stripsRight;
        for (var id = 0; id < vocabulary.Count; id++)
        {
            if (vocabulary.KindOf(id) is TokenKind.Control or TokenKind.UserDefined or TokenKind.Unknown && vocabulary.TextOf(id).Length <= Vocabulary.LongestMatch)
            {
                _all.Add(vocabulary.TextOf(id), id);
                if (vocabulary.KindOf(id) == TokenKind.UserDefined)
                {
                    _userDefined.Add(vocabulary.TextOf(id), id);
                }
            }
        }
    }

    /// <summary>The parts of a text in order: runs of text (<c>Id</c> -1) and tokens.</summary>
    /// <param name="text">The text.</param>
    /// <param name="parseSpecial">Whether control and unknown tokens count.</param>
    /// <param name="guarded">Bytes that no steering token may cover, ascending.</param>
    /// <param name="parts">Receives the parts.</param>
    public void Split(ReadOnlySpan<byte> text, bool parseSpecial, ReadOnlySpan<int> guarded, List<(int Start, int Length, int Id)> parts)
    {
        var trie = parseSpecial ? _all : _userDefined;
        var start = trie.IsEmpty ? text.Length : FirstMatch(text, trie);
        if (start == text.Length)
        {
            parts.Add((0, text.Length, -1));
            return;
        }

        // One candidate for each place: the longest token there. One whose end has been taken by a longer token is tried again with what is left.
        var candidates = new PriorityQueue<(int Start, int Id), (int Shortness, int Start)>();
        for (; start < text.Length; start++)
        {
            Offer(text, start, text.Length, guarded, trie, candidates);
        }

        var covered = new bool[text.Length];
        List<(int Start, int Length, int Id)> taken = [];
        while (candidates.TryDequeue(out var match, out _))
        {
            if (covered[match.Start])
            {
                continue;
            }

            // What is covered is made of longer or equal matches, so it lies across the end, never inside.
            var end = match.Start + _vocabulary.TextOf(match.Id).Length;
            if (covered[end - 1])
            {
                var free = match.Start;
                while (!covered[free])
                {
                    free++;
                }

                Offer(text, match.Start, free, guarded, trie, candidates);
                continue;
            }

            Take(text, covered, match.Start, end, match.Id);
            taken.Add((match.Start, end - match.Start, match.Id));
        }

        Cut(text, taken, parts);
    }

    private static bool IsSpace(byte b) => b is 32 or (>= 9 and <= 13);

    private static int FirstMatch(ReadOnlySpan<byte> text, ByteTrie trie)
    {
        var start = 0;
        while (start < text.Length && trie.LongestPrefix(text[start..], out _) == 0)
        {
            start++;
        }

        return start;
    }

    private void Offer(ReadOnlySpan<byte> text, int start, int end, ReadOnlySpan<int> guarded, ByteTrie trie, PriorityQueue<(int Start, int Id), (int Shortness, int Start)> candidates)
    {
        var length = trie.LongestPrefix(text[start..end], out var id);
        while (length > 0 && IsForbidden(start, length, id, guarded))
        {
            length = trie.LongestPrefix(text.Slice(start, length - 1), out id);
        }

        if (length > 0)
        {
            candidates.Enqueue((start, id), (-length, start));
        }
    }

    /// <summary>Whether a steering token would cover a guarded byte.</summary>
    private bool IsForbidden(int start, int length, int id, ReadOnlySpan<int> guarded)
    {
        if (guarded.IsEmpty)
        {
            return false;
        }

        var place = guarded.BinarySearch(start);
        place = place < 0 ? ~place : place;
        return place < guarded.Length && guarded[place] < start + length && Chat.ContentGuard.IsSteering(_vocabulary.KindOf(id), _vocabulary.TextOf(id));
    }

    /// <summary>Marks a token's place, and that of the white space it swallows, as taken.</summary>
    private void Take(ReadOnlySpan<byte> text, bool[] covered, int start, int end, int id)
    {
        while (_stripsLeft.Contains(id) && start > 0 && !covered[start - 1] && IsSpace(text[start - 1]))
        {
            start--;
        }

        while (_stripsRight.Contains(id) && end < text.Length && !covered[end] && IsSpace(text[end]))
        {
            end++;
        }

        covered.AsSpan(start, end - start).Fill(true);
    }

    private void Cut(ReadOnlySpan<byte> text, List<(int Start, int Length, int Id)> taken, List<(int Start, int Length, int Id)> parts)
    {
        taken.Sort((a, b) => a.Start.CompareTo(b.Start));
        var position = 0;
        for (var i = 0; i < taken.Count; i++)
        {
            var (start, length, id) = taken[i];
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
            var next = i + 1 < taken.Count ? taken[i + 1].Start : text.Length;
            while (_stripsRight.Contains(id) && position < next && IsSpace(text[position]))
            {
                position++;
            }
        }

        if (position < text.Length)
        {
            parts.Add((position, text.Length - position, -1));
        }
    }
}
