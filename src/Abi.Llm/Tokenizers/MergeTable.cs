using System.Text;

namespace Abi.Llm.Tokenizers;

/// <summary>The merges of a BPE vocabulary over interned strings ("symbols"), and the merging of a piece.</summary>
internal sealed class MergeTable
{
    /// <summary>Up to this many symbols, looking at every pair each time is quicker than keeping a queue.</summary>
    private const int ShortPiece = 32;

    // Odd, and another in each process: a file cannot be made so that its merges collide.
    private static readonly ulong Seed = (ulong)Random.Shared.NextInt64() | 0x4000_0000_0000_0001;

    private readonly Vocabulary _vocabulary;
    private readonly bool _plain;
    private readonly ByteStringTable _symbols = new();
    private readonly int[] _byteSymbols = new int[256];
    private readonly int[] _ids; // symbol → token, or -1
    private ulong[] _keys; // (left << 32 | right) + 1; 0 for empty
    private (int Rank, int Merged)[] _values;

    public MergeTable(Vocabulary vocabulary, bool plain)
    {
        _vocabulary = vocabulary;
        _plain = plain;
        for (var b = 0; b < 256; b++)
        {
            _byteSymbols[b] = plain ? -1 : _symbols.Add(ByteCharacters.Encode((byte)b));
        }

        var merges = vocabulary.Metadata.Contains("tokenizer.ggml.merges") || vocabulary.Pre != "kimi-k2" ? vocabulary.Metadata.GetUtf8Array("tokenizer.ggml.merges") : [];
        var capacity = 64;
        while (capacity < 2 * merges.Length)
        {
            capacity *= 2;
        }

        (_keys, _values) = (new ulong[capacity], new (int, int)[capacity]);
        for (var rank = 0; rank < merges.Length; rank++)
        {
            // The first space that is not the first byte parts the two; a merge without one is of nothing.
            var merge = merges[rank];
            var space = merge.Length > 1 ? merge.AsSpan(1).IndexOf((byte)' ') + 1 : 0;
            if (space == 0 || space + 1 == merge.Length)
            {
                continue;
            }

            var left = _symbols.Add(merge.AsSpan(0, space));
            var right = _symbols.Add(merge.AsSpan(space + 1));
            var merged = _symbols.Add([.. merge.AsSpan(0, space), .. merge.AsSpan(space + 1)]);
            Add(left, right, rank, merged);
        }

        _ids = [.. Enumerable.Range(0, _symbols.Count).Select(symbol => vocabulary.Find(_symbols[symbol]))];
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

            nodes[count] = new Node { Symbol = _plain ? _symbols.Find(piece.Slice(start, length)) : _byteSymbols[piece[start]], Start = start, Length = length, Previous = count - 1, Next = count + 1 };
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
        var id = symbol >= 0 ? _ids[symbol] : _vocabulary.Find(text);
        if (id >= 0)
        {
            ids.Add(id);
            return;
        }

        foreach (var b in symbol >= 0 ? _symbols[symbol] : text)
        {
            if ((_plain ? _vocabulary.Find(Encoding.ASCII.GetBytes($"<0x{b:X2}>")) : _vocabulary.Find([b])) is var byteId and >= 0)
            {
                ids.Add(byteId);
            }
        }
    }

    private (int Rank, int Merged) Find(int left, int right)
    {
        if ((left | right) >= 0)
        {
            var key = (((ulong)left << 32) | (uint)right) + 1;
            for (var slot = Slot(key); _keys[slot] != 0; slot = (slot + 1) & (_keys.Length - 1))
            {
                if (_keys[slot] == key)
                {
                    return _values[slot];
                }
            }
        }

        return (int.MaxValue, -1);
    }

    private void Add(int left, int right, int rank, int merged)
    {
        var key = (((ulong)left << 32) | (uint)right) + 1;
        var slot = Slot(key);
        for (; _keys[slot] != 0; slot = (slot + 1) & (_keys.Length - 1))
        {
            if (_keys[slot] == key)
            {
                return; // the first of equal merges counts
            }
        }

        (_keys[slot], _values[slot]) = (key, (rank, merged));
    }

    private int Slot(ulong key) => (int)((key * Seed) >> 32) & (_keys.Length - 1);

    private struct Node
    {
        public int Symbol;
        public int Start;
        public int Length;
        public int Previous;
        public int Next;
    }
}
