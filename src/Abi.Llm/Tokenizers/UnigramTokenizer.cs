using System.Buffers;

namespace Abi.Llm.Tokenizers;

/// <summary>
/// SentencePiece's unigram model (Kudo 2018): text is normalised, and of all ways to spell it in tokens the likeliest is found (Viterbi).
/// What no token spells becomes the unknown token, once for each run.
/// </summary>
internal sealed class UnigramTokenizer : Tokenizer
{
    /// <summary>What an unknown character costs more than the least likely token.</summary>
    private const float UnknownPenalty = 10;

    private readonly ByteStrings _spellings; // of the tokens
    private readonly ByteTrie _pieces = new();
    private readonly double[] _scores; // [tokens]
    private readonly double _unknownScore;
    private readonly CharacterMap? _map;
    private readonly bool _addsSpace;
    private readonly bool _mergesSpaces;

    public UnigramTokenizer(Vocabulary vocabulary)
        : base(vocabulary, addsBegin: false, addsEnd: true)
    {
        var metadata = vocabulary.Metadata;
        _addsSpace = metadata.GetBoolean("tokenizer.ggml.add_space_prefix", false);
        _mergesSpaces = metadata.GetBoolean("tokenizer.ggml.remove_extra_whitespaces", false);
        _map = metadata.TryGet("tokenizer.ggml.precompiled_charsmap", out var map)
            ? CharacterMap.Parse(map.ElementType is Gguf.GgufValueType.UInt8 or Gguf.GgufValueType.Int8 && map.Type == Gguf.GgufValueType.Array
                ? map.Bytes
                : throw new ModelFormatException($"'tokenizer.ggml.precompiled_charsmap' is of type {map.Type} of {map.ElementType}; it must be an array of bytes. Convert the model again"))
            : null;
        _spellings = vocabulary.SpellPlain();
        _scores = new double[vocabulary.Count];
        var lowest = float.MaxValue;
        for (var id = 0; id < vocabulary.Count; id++)
        {
            var kind = vocabulary.KindOf(id);
            // A user-defined token is as likely as can be.
            _scores[id] = kind == TokenKind.UserDefined ? 0 : vocabulary.ScoreOf(id);
            if (kind == TokenKind.Normal && vocabulary.ScoreOf(id) < lowest)
            {
                lowest = vocabulary.ScoreOf(id);
            }

            if (kind is TokenKind.Normal or TokenKind.UserDefined or TokenKind.Unused)
            {
                _pieces.AddMatchable(vocabulary.TextOf(id), id);
            }
        }

        _unknownScore = lowest - UnknownPenalty;
    }

    internal override bool DropsFirstSpace => _addsSpace;

    private protected override ReadOnlySpan<byte> Bytes(int id) => _spellings[id];

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool followsSpecial, List<int> ids)
    {
        var normalized = new ArrayBufferWriter<byte>(utf8.Length + (utf8.Length / 2) + 16);
        Normalize(utf8, normalized);
        if (normalized.WrittenCount > 0)
        {
            Spell(normalized.WrittenSpan, ids);
        }
    }

    private void Normalize(ReadOnlySpan<byte> text, ArrayBufferWriter<byte> target)
    {
        var (hasSpace, inWord) = (false, false);
        for (var at = 0; at < text.Length;)
        {
            var length = _map is null ? 0 : _map.Match(text[at..], out var part) is var matched && matched > 0 ? Take(part, matched, ref hasSpace, ref inWord, target) : 0;
            if (length == 0)
            {
                var codePoint = CodePoints.Decode(text[at..], out length);
                Take(codePoint == 0xfffd && length == 1 ? "\uFFFD"u8 : text.Slice(at, length), length, ref hasSpace, ref inWord, target);
            }

            at += length;
        }
    }

    private int Take(ReadOnlySpan<byte> part, int consumed, ref bool hasSpace, ref bool inWord, ArrayBufferWriter<byte> target)
    {
        foreach (var b in part)
        {
            if (b == (byte)' ')
            {
                inWord = false;
                if (!_mergesSpaces)
                {
                    target.Write("▁"u8);
                }

                continue;
            }

            if (!inWord)
            {
                inWord = true;
                if (_mergesSpaces || (_addsSpace && !hasSpace))
                {
                    target.Write("▁"u8);
                    hasSpace = true;
                }
            }

            target.GetSpan(1)[0] = b;
            target.Advance(1);
        }

        return consumed;
    }

    private void Spell(ReadOnlySpan<byte> text, List<int> ids)
    {
        // For each end of a part: the best way to get there, its last token and where that begins. [text.Length + 1]
        var best = ArrayPool<double>.Shared.Rent(text.Length + 1);
        var last = ArrayPool<(int Id, int Start)>.Shared.Rent(text.Length + 1);
        try
        {
            best.AsSpan(0, text.Length + 1).Fill(double.MinValue);
            last.AsSpan(0, text.Length + 1).Fill((-1, 0));
            best[0] = 0;
            for (var start = 0; start < text.Length;)
            {
                var character = Math.Min(CodePoints.LengthOf(text[start]), text.Length - start);
                var spelt = false;
                var node = 0;
                for (var end = start; end < text.Length && (node = _pieces.Next(node, text[end])) >= 0; end++)
                {
                    if (_pieces.Value(node) is var id and >= 0)
                    {
                        spelt |= end + 1 - start == character;
                        Offer(end + 1, best[start] + _scores[id], id, start);
                    }
                }

                if (!spelt)
                {
                    Offer(start + character, best[start] + _unknownScore, -1, start);
                }

                start += character;
            }

            var first = ids.Count;
            for (var end = text.Length; end > 0; end = last[end].Start)
            {
                var id = last[end].Id >= 0 ? last[end].Id : UnknownId ?? -1;
                if (id >= 0 && !(id == UnknownId && ids.Count > first && ids[^1] == id))
                {
                    ids.Add(id);
                }
            }

            ids.Reverse(first, ids.Count - first);
        }
        finally
        {
            ArrayPool<double>.Shared.Return(best);
            ArrayPool<(int, int)>.Shared.Return(last);
        }

        void Offer(int end, double score, int id, int start)
        {
            if (score > best[end])
            {
                (best[end], last[end]) = (score, (id, start));
            }
        }
    }
}
