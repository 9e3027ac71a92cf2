using System.Text;

namespace Abi.Llm.Tokenizers;

/// <summary>The merges of a BPE vocabulary, and the merging of a piece. What is merged are symbols: a token's id, or, for texts that are no tokens, numbers behind all ids.</summary>
internal sealed class MergeTable
{
    /// <summary>Up to this many symbols, looking at every pair each time is quicker than keeping a queue.</summary>
    private const int ShortPiece = 32;

    // Odd, and another in each process: a file cannot be made so that its merges collide.
    private static readonly ulong Seed = (ulong)Random.Shared.NextInt64() | 0x4000_0000_0000_0001;

    private readonly Vocabulary _vocabulary;
    private readonly bool _plain;
    private readonly ByteStrings _otherTexts = new(); // of symbols that are no tokens
    private readonly ByteStringTable _others;
    private readonly int[] _byteSymbols = new int[256];
    private readonly Merge[] _merges; // an open-addressing table, at least half of it empty

    public MergeTable(Vocabulary vocabulary, bool plain)
    {
        _vocabulary = vocabulary;
        _plain = plain;
        _others = new ByteStringTable(_otherTexts);
        for (var b = 0; b < 256; b++)
        {
            _byteSymbols[b] = plain ? -1 : AddSymbol(ByteCharacters.Encode((byte)b));
        }

        const string Key = "tokenizer.ggml.merges";
        var merges = vocabulary.Metadata.Contains(Key) || vocabulary.Pre != "kimi-k2" ? vocabulary.Metadata.Utf8Elements(Key) : default;
        _merges = new Merge[checked(2 * (merges.Count + 1))];
        var (rank, joined) = (0, new byte[256]);
        foreach (var merge in merges)
        {
            // The first space that is not the first byte parts the two; a merge without one is of nothing.
            var space = merge.Length > 1 ? merge[1..].IndexOf((byte)' ') + 1 : 0;
            if (space > 0 && space + 1 < merge.Length)
            {
                if (joined.Length < merge.Length)
                {
                    joined = new byte[2 * merge.Length];
                }

                var left = merge[..space];
                var right = merge[(space + 1)..];
                left.CopyTo(joined);
                right.CopyTo(joined.AsSpan(space));
                Add(AddSymbol(left), AddSymbol(right), rank, AddSymbol(joined.AsSpan(0, merge.Length - 1)));
            }

            rank++;
        }
    }

    /// <summary>Appends the tokens of a piece.</summary>
    public void Encode(ReadOnlySpan<byte> piece, List<int> ids)
    {
        if (!_plain && piece.Length <= ShortPiece)
        {
            Span<int> symbols = stackalloc int[ShortPiece];
            for (var i = 0; i < piece.Length; i++)
            {
                symbols[i] = _byteSymbols[piece[i]];
            }

            foreach (var symbol in symbols[..MergeShort(symbols[..piece.Length])])
            {
                Emit(symbol, default, ids);
            }

            return;
        }

        EncodeLong(piece, ids);
    }

    private int MergeShort(Span<int> symbols)
    {
        var count = symbols.Length;
        Span<(int Rank, int Merged)> pairs = stackalloc (int, int)[ShortPiece];
        for (var i = 0; i + 1 < count; i++)
        {
            pairs[i] = Find(symbols[i], symbols[i + 1]);
        }

        while (count > 1)
        {
            var best = 0;
            for (var i = 1; i + 1 < count; i++)
            {
                if (pairs[i].Rank < pairs[best].Rank)
                {
                    best = i;
                }
            }

            if (pairs[best].Rank == int.MaxValue)
            {
                break;
            }

            symbols[best] = pairs[best].Merged;
            symbols[(best + 2)..count].CopyTo(symbols[(best + 1)..]);
            if (best + 2 < count)
            {
                pairs[(best + 2)..count].CopyTo(pairs[(best + 1)..]);
            }

            count--;
            if (best > 0)
            {
                pairs[best - 1] = Find(symbols[best - 1], symbols[best]);
            }

            if (best + 1 < count)
            {
                pairs[best] = Find(symbols[best], symbols[best + 1]);
            }
        }

        return count;
    }

    private void EncodeLong(ReadOnlySpan<byte> piece, List<int> ids)
    {
        var nodes = new Node[piece.Length];
        var count = 0;
        for (var start = 0; start < piece.Length; count++)
        {
            var length = 1;
            if (_plain)
            {
                CodePoints.Decode(piece[start..], out length);
            }

            nodes[count] = new Node { Symbol = _plain ? FindSymbol(piece.Slice(start, length)) : _byteSymbols[piece[start]], Start = start, Length = length, Previous = count - 1, Next = count + 1 };
            start += length;
        }

        nodes[count - 1].Next = -1;
        // Lowest rank first; equal ranks from the left.
        var queue = new PriorityQueue<(int Left, int LeftSymbol, int RightSymbol, int Merged), ulong>();
        for (var i = 0; i + 1 < count; i++)
        {
            Offer(nodes, queue, i, i + 1);
        }

        while (queue.TryDequeue(out var pair, out _))
        {
            ref var left = ref nodes[pair.Left];
            // A pair is stale when one of its halves has been joined since.
            if (left.Length == 0 || left.Symbol != pair.LeftSymbol || left.Next < 0 || nodes[left.Next].Symbol != pair.RightSymbol)
            {
                continue;
            }

            ref var right = ref nodes[left.Next];
            left.Symbol = pair.Merged;
            left.Length += right.Length;
            right.Length = 0;
            left.Next = right.Next;
            if (left.Next >= 0)
            {
                nodes[left.Next].Previous = pair.Left;
                Offer(nodes, queue, pair.Left, left.Next);
            }

            if (left.Previous >= 0)
            {
                Offer(nodes, queue, left.Previous, pair.Left);
            }
        }

        for (var i = 0; i >= 0; i = nodes[i].Next)
        {
            Emit(nodes[i].Symbol, piece.Slice(nodes[i].Start, nodes[i].Length), ids);
        }
    }

    private void Offer(Node[] nodes, PriorityQueue<(int Left, int LeftSymbol, int RightSymbol, int Merged), ulong> queue, int left, int right)
    {
        var (rank, merged) = Find(nodes[left].Symbol, nodes[right].Symbol);
        if (rank != int.MaxValue)
        {
            queue.Enqueue((left, nodes[left].Symbol, nodes[right].Symbol, merged), ((ulong)rank << 32) | (uint)left);
        }
    }

    /// <summary>Appends a symbol's token, or, when it is none, the tokens of its bytes as far as there are any.</summary>
    private void Emit(int symbol, ReadOnlySpan<byte> text, List<int> ids)
    {
        if (symbol >= 0 && symbol < _vocabulary.Count)
        {
            ids.Add(symbol);
            return;
        }

        foreach (var b in symbol >= 0 ? _otherTexts[symbol - _vocabulary.Count] : text)
        {
            if ((_plain ? _vocabulary.Find(Encoding.ASCII.GetBytes($"<0x{b:X2}>")) : _vocabulary.Find([b])) is var byteId and >= 0)
            {
                ids.Add(byteId);
            }
        }
    }

    private int AddSymbol(ReadOnlySpan<byte> text) => _vocabulary.Find(text) is var id and >= 0 ? id : _vocabulary.Count + _others.Add(text);

    /// <summary>The symbol of a text; -1 when there is none.</summary>
    private int FindSymbol(ReadOnlySpan<byte> text) => _vocabulary.Find(text) is var id and >= 0 ? id : _others.Find(text) is var other and >= 0 ? _vocabulary.Count + other : -1;

    private (int Rank, int Merged) Find(int left, int right)
    {
        if ((left | right) >= 0)
        {
            ref var merge = ref SlotOf(KeyOf(left, right));
            if (merge.Key != 0)
            {
                return (merge.Rank, merge.Merged);
            }
        }

        return (int.MaxValue, -1);
    }

    private void Add(int left, int right, int rank, int merged)
    {
        ref var merge = ref SlotOf(KeyOf(left, right));
        if (merge.Key == 0) // the first of equal merges counts
        {
            merge = new Merge { Key = KeyOf(left, right), Rank = rank, Merged = merged };
        }
    }

    private static ulong KeyOf(int left, int right) => (((ulong)left << 32) | (uint)right) + 1;

    /// <summary>Where a pair's merge is or would be.</summary>
    private ref Merge SlotOf(ulong key)
    {
        var merges = _merges;
        // The upper bits of a product come of all bits of its factors.
        var slot = (int)((((key * Seed) >> 32) * (uint)merges.Length) >> 32);
        while (merges[slot].Key != 0 && merges[slot].Key != key)
        {
            slot = slot + 1 == merges.Length ? 0 : slot + 1;
        }

        return ref merges[slot];
    }

    /// <summary>A pair of symbols and what it becomes.</summary>
    private struct Merge
    {
        public ulong Key; // left and right, plus one; 0 for an empty slot
        public int Rank; // the lowest first
        public int Merged;
    }

    private struct Node
    {
        public int Symbol;
        public int Start;
        public int Length;
        public int Previous;
        public int Next;
    }
}
