using System.Buffers;

namespace Abi.Llm.Tokenizers;

/// <summary>
/// The tokenizer of PLaMo 2 and 3: of all ways to spell a text in tokens the one with the highest sum of scores, which are rounded to four decimals; what no token spells is spelt in bytes at a high cost.
/// PLaMo 3 spells each of its <see cref="PlamoSegments"/> apart.
/// </summary>
internal sealed class PlamoTokenizer : Tokenizer
{
    private const double ScoreUnit = 1e4;
    private const int UnknownScore = -10_000_000;
    private const int LowestScore = -20_000_000; // and below: never used

    private readonly bool _isThird;
    private readonly ByteStrings _spellings; // of the tokens
    private readonly ByteTrie _pieces = new();
    private readonly int[] _scores; // [tokens]
    private readonly int[] _byteIds = new int[256];

    public PlamoTokenizer(Vocabulary vocabulary, bool isThird)
        : base(vocabulary, addsBegin: false, addsEnd: false)
    {
        _isThird = isThird;
        _spellings = vocabulary.RoomForSpellings();
        _scores = new int[vocabulary.Count];
        Array.Fill(_byteIds, -1);
        for (var id = 0; id < vocabulary.Count; id++)
        {
            var value = vocabulary.ByteOf(id);
            _spellings.Add(value is { } single ? [single] : vocabulary.TextOf(id));
            if (value is { } known)
            {
                _byteIds[known] = id;
            }
            else if (vocabulary.KindOf(id) != TokenKind.Byte)
            {
                var score = vocabulary.ScoreOf(id);
                _scores[id] = float.IsFinite(score) ? (int)Math.Clamp(Math.Round(score * ScoreUnit, MidpointRounding.AwayFromZero), int.MinValue, int.MaxValue) : LowestScore;
                _pieces.AddMatchable(vocabulary.TextOf(id), id);
            }
        }

        var missing = Array.IndexOf(_byteIds, -1);
        if (missing >= 0)
        {
            throw new ModelFormatException($"'tokenizer.ggml.tokens' has no byte token '<0x{missing:X2}>'; a PLaMo vocabulary has all 256. Convert the model again");
        }
    }

    private protected override ReadOnlySpan<byte> Bytes(int id) => _spellings[id];

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool followsSpecial, List<int> ids)
    {
        var text = CodePoints.Regular(utf8);
        if (!_isThird)
        {
            // A byte-order mark in front is not text.
            EncodeSegment(text.StartsWith("\uFEFF"u8) ? text[3..] : text, ids);
            return;
        }

        foreach (var (start, length) in PlamoSegments.Of(text))
        {
            EncodeSegment(text.Slice(start, length), ids);
        }
    }

    private void EncodeSegment(ReadOnlySpan<byte> text, List<int> ids)
    {
        // For each beginning of a part: the least cost from there to the end, and the token there: -1 for a character in bytes. [text.Length + 1]
        var cost = ArrayPool<long>.Shared.Rent(text.Length + 1);
        var next = ArrayPool<(int Id, int Length)>.Shared.Rent(text.Length + 1);
        try
        {
            cost[text.Length] = 0;
            for (var start = text.Length - 1; start >= 0; start--)
            {
                cost[start] = long.MaxValue;
                if ((text[start] & 0xc0) != 0x80)
                {
                    Choose(text, start, cost, next);
                }
            }

            for (var start = 0; start < text.Length; start += next[start].Length)
            {
                var (id, length) = next[start];
                if (id >= 0)
                {
                    ids.Add(id);
                    continue;
                }

                foreach (var b in text.Slice(start, length))
                {
                    ids.Add(_byteIds[b]);
                }
            }
        }
        finally
        {
            ArrayPool<long>.Shared.Return(cost);
            ArrayPool<(int, int)>.Shared.Return(next);
        }
    }

    private void Choose(ReadOnlySpan<byte> text, int start, long[] cost, (int Id, int Length)[] next)
    {
        CodePoints.Decode(text[start..], out var character);
        (cost[start], next[start]) = (cost[start + character] - UnknownScore, (-1, character));
        var node = 0;
        for (var end = start; end < text.Length && (node = _pieces.Next(node, text[end])) >= 0; end++)
        {
            // Among equals the longest token counts, and any token before bytes. A token may end only where a character does.
            if (_pieces.Value(node) is var id and >= 0 && _scores[id] > LowestScore && cost[end + 1] < long.MaxValue && cost[end + 1] - _scores[id] <= cost[start])
            {
                (cost[start], next[start]) = (cost[end + 1] - _scores[id], (id, end + 1 - start));
            }
        }
    }
}
