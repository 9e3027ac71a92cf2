namespace Abi.Llm.Tokenizers;

/// <summary>
/// Byte-level BPE (paper: Radford et al. 2019): text is cut into pieces by the model's pre-tokenizer, and in each piece the pair of neighbours that was learnt first is joined until none is left.
/// </summary>
internal class BytePairTokenizer : Tokenizer
{
    private const byte Unknown = 0;
    private const byte Whole = 1;
    private const byte Split = 2;

    private readonly PreTokenizer _pre;
    private readonly MergeTable _merges;
    private readonly byte[][] _bytes;
    private readonly ByteStringTable _words = new(); // texts of normal tokens, as bytes of text
    private readonly int[] _wordIds;
    private readonly byte[] _wordStates; // whether merging the text of a token gives that token; found out when first met

    public BytePairTokenizer(Vocabulary vocabulary, PreTokenizer pre)
        : base(vocabulary, addsBegin: pre.AddsBegin, addsEnd: false, pre.AddsSeparator, pre.AlwaysAddsBegin)
    {
        _pre = pre;
        if (pre.HasNoBegin && !vocabulary.Metadata.Contains("tokenizer.ggml.bos_token_id"))
        {
            vocabulary.BeginId = null;
        }

        _merges = new MergeTable(vocabulary, pre.IsPlain);
        _bytes = new byte[vocabulary.Count][];
        List<int> ids = [];
        for (var id = 0; id < vocabulary.Count; id++)
        {
            _bytes[id] = SpellOut(id, out var word);
            if (word is { Length: > 0 })
            {
                var entry = _words.Add(word);
                if (entry == ids.Count)
                {
                    ids.Add(id);
                }
                else
                {
                    ids[entry] = id;
                }
            }
        }

        _wordIds = [.. ids];
        _wordStates = new byte[ids.Count];
    }

    private static ReadOnlySpan<byte> EscapedSpace => "▁"u8;

    internal override bool TidiesSpaces => PreTokenizer.TidiesSpaces(Vocabulary.Pre);

    /// <summary>Whether every byte has a token, so that no text loses anything.</summary>
    internal bool SpellsEveryByte => Enumerable.Range(0, 256).All(b => Vocabulary.Find(_pre.IsPlain ? System.Text.Encoding.ASCII.GetBytes($"<0x{b:X2}>") : ByteCharacters.Encode((byte)b)) >= 0);

    private protected override byte[] Bytes(int id) => _bytes[id];

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool followsSpecial, List<int> ids)
    {
        var text = CodePoints.Regular(_pre.EscapesSpaces ? EscapeSpaces(utf8) : utf8);
        var view = new TextView(text, _pre);
        var start = 0;
        foreach (var length in view.Cut(_pre))
        {
            var piece = text[view.OffsetOf(start)..view.OffsetOf(start + length)];
            if (_pre.IsMetaspace && piece.IndexOfAnyExcept((byte)'\n') >= 0)
            {
                EncodeWords(piece, ids);
            }
            else
            {
                EncodePiece(piece, ids);
            }

            start += length;
        }
    }

    /// <summary>A line whose words each begin with U+2581, the first also where none is written.</summary>
    private void EncodeWords(ReadOnlySpan<byte> line, List<int> ids)
    {
        if (!line.StartsWith(EscapedSpace))
        {
            line = (byte[])[.. EscapedSpace, .. line];
        }

        while (!line.IsEmpty)
        {
            var next = line[EscapedSpace.Length..].IndexOf(EscapedSpace);
            var word = next < 0 ? line : line[..(EscapedSpace.Length + next)];
            EncodePiece(word, ids);
            line = line[word.Length..];
        }
    }

    private static ReadOnlySpan<byte> EscapeSpaces(ReadOnlySpan<byte> utf8)
    {
        var escaped = new byte[utf8.Length + ((EscapedSpace.Length - 1) * utf8.Count((byte)' '))];
        var length = 0;
        foreach (var b in utf8)
        {
            if (b == (byte)' ')
            {
                EscapedSpace.CopyTo(escaped.AsSpan(length));
                length += EscapedSpace.Length;
            }
            else
            {
                escaped[length++] = b;
            }
        }

        return escaped;
    }

    private void EncodePiece(ReadOnlySpan<byte> piece, List<int> ids)
    {
        if (piece.IsEmpty)
        {
            return;
        }

        var word = _words.Find(piece);
        if (word >= 0)
        {
            if (_pre.IgnoresMerges || _wordStates[word] == Whole || (_pre.KeepsLineRuns && piece.IndexOfAnyExcept((byte)'\n') < 0))
            {
                ids.Add(_wordIds[word]);
                return;
            }

            if (_wordStates[word] == Unknown)
            {
                var before = ids.Count;
                _merges.Encode(piece, ids);
                _wordStates[word] = ids.Count == before + 1 && ids[before] == _wordIds[word] ? Whole : Split;
                return;
            }
        }

        _merges.Encode(piece, ids);
    }

    /// <summary>The bytes of a token as text.</summary>
    /// <param name="id">The token.</param>
    /// <param name="word">Receives what a piece must be to be this token; null when none can.</param>
    private byte[] SpellOut(int id, out byte[]? word)
    {
        var text = Vocabulary.Texts[id];
        word = _pre.IsPlain ? text : ByteCharacters.Decode(text);
        return _pre.IsPlain || Vocabulary.KindOf(id) != TokenKind.Normal ? Vocabulary.SpellPlain(id) : word ?? ByteCharacters.DecodeLoosely(text);
    }
}
