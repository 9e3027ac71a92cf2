namespace Abi.Llm.Tokenizers;

/// <summary>
/// SentencePiece's BPE (paper: Kudo and Richardson 2018) as Llama 2 and its family use it: spaces become U+2581, the pair of pieces with the best score is joined until none is left, and what is not
/// in the vocabulary is spelt in bytes.
/// </summary>
internal sealed class SentencePieceTokenizer : Tokenizer
{
    private readonly ByteStrings _spellings; // of the tokens
    private readonly int[] _byteIds = new int[256];
    private readonly bool _addsSpace;

    public SentencePieceTokenizer(Vocabulary vocabulary)
        : base(vocabulary, addsBegin: true, addsEnd: false)
    {
        _addsSpace = vocabulary.Metadata.GetBoolean("tokenizer.ggml.add_space_prefix", true);
        _spellings = vocabulary.SpellPlain();
        Array.Fill(_byteIds, -1);
        for (var b = 0; b < 256; b++)
        {
            var id = vocabulary.Find(System.Text.Encoding.ASCII.GetBytes($"<0x{b:X2}>"));
            _byteIds[b] = id >= 0 ? id : vocabulary.Find([(byte)b]) is var plain and >= 0 ? plain : vocabulary.UnknownId ?? -1;
        }
    }

    internal override bool DropsFirstSpace => _addsSpace;

    private protected override ReadOnlySpan<byte> Bytes(int id) => _spellings[id];

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool followsSpecial, List<int> ids)
    {
        var prefix = _addsSpace && followsSpecial;
        var spaces = utf8.Count((byte)' ') + (prefix ? 1 : 0);
        var escaped = new byte[utf8.Length + (2 * spaces) + (prefix ? 1 : 0)];
        var length = 0;
        if (prefix)
        {
            length = PutSpace(escaped, length);
        }

        foreach (var b in utf8)
        {
            if (b == (byte)' ')
            {
                length = PutSpace(escaped, length);
            }
            else
            {
                escaped[length++] = b;
            }
        }

        Merge(escaped.AsSpan(0, length), ids);
    }

    private static int PutSpace(byte[] target, int at)
    {
        "▁"u8.CopyTo(target.AsSpan(at));
        return at + 3;
    }

    private void Merge(ReadOnlySpan<byte> text, List<int> ids)
    {
        var symbols = Symbols(text);
        // Best score first; equal scores from the left.
        var queue = new PriorityQueue<(int Left, int Right, int Length), (float Score, int Left)>(Comparer<(float Score, int Left)>.Create((a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Left.CompareTo(b.Left)));
        for (var i = 1; i < symbols.Length; i++)
        {
            Offer(text, symbols, queue, i - 1, i);
        }

        while (queue.TryDequeue(out var pair, out _))
        {
            ref var left = ref symbols[pair.Left];
            ref var right = ref symbols[pair.Right];
            // A pair is stale when one of its halves has been joined since.
            if (left.Length == 0 || right.Length == 0 || left.Length + right.Length != pair.Length)
            {
                continue;
            }

            left.Length += right.Length;
            right.Length = 0;
            left.Next = right.Next;
            if (right.Next >= 0)
            {
                symbols[right.Next].Previous = pair.Left;
            }

            Offer(text, symbols, queue, left.Previous, pair.Left);
            Offer(text, symbols, queue, pair.Left, left.Next);
        }

        for (var i = 0; i >= 0; i = symbols[i].Next)
        {
            var piece = text.Slice(symbols[i].Start, symbols[i].Length);
            if (Vocabulary.Find(piece) is var id and >= 0)
            {
                ids.Add(id);
                continue;
            }

            foreach (var b in piece)
            {
                if (_byteIds[b] >= 0)
                {
                    ids.Add(_byteIds[b]);
                }
            }
        }
    }

    /// <summary>The characters as a linked list; a character's length is what its first byte says, cut at the end.</summary>
    private static Symbol[] Symbols(ReadOnlySpan<byte> text)
    {
        var symbols = new List<Symbol>(text.Length);
        for (var start = 0; start < text.Length;)
        {
            var length = Math.Min(CodePoints.LengthOf(text[start]), text.Length - start);
            symbols.Add(new Symbol { Start = start, Length = length, Previous = symbols.Count - 1, Next = start + length < text.Length ? symbols.Count + 1 : -1 });
            start += length;
        }

        return [.. symbols];
    }

    private void Offer(ReadOnlySpan<byte> text, Symbol[] symbols, PriorityQueue<(int Left, int Right, int Length), (float Score, int Left)> queue, int left, int right)
    {
        if (left < 0 || right < 0)
        {
            return;
        }

        var length = symbols[left].Length + symbols[right].Length;
        var id = Vocabulary.Find(text.Slice(symbols[left].Start, length));
        if (id >= 0)
        {
            queue.Enqueue((left, right, length), (Vocabulary.ScoreOf(id), left));
        }
    }

    private struct Symbol
    {
        public int Start;
        public int Length;
        public int Previous;
        public int Next;
    }
}
