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
    private readonly ByteStrings _spellings; // of the tokens by their ids; behind them, words that are tokens but spelt otherwise
    private readonly ByteStringTable _words; // what a piece must be to be a token
    private readonly List<int> _others = []; // the tokens of the words behind the spellings
    private readonly byte[] _wordStates; // [words]: whether merging it gives its token; found out when first met

    public BytePairTokenizer(Vocabulary vocabulary, PreTokenizer pre)
        : base(vocabulary, addsBegin: pre.AddsBegin, addsEnd: false, pre.AddsSeparator, pre.AlwaysAddsBegin)
    {
        _pre = pre;
        if (pre.HasNoBegin && !vocabulary.Metadata.Contains("tokenizer.ggml.bos_token_id"))
        {
            vocabulary.BeginId = null;
        }

        _merges = new MergeTable(vocabulary, pre.IsPlain);
        if (pre.IsPlain)
        {
            (_spellings, _words) = (vocabulary.SpellPlain(), vocabulary.ByText);
        }
        else
        {
            _spellings = vocabulary.RoomForSpellings();
            _words = new ByteStringTable(_spellings, vocabulary.Count);
            SpellOut();
        }

        _wordStates = new byte[vocabulary.Count + _others.Count];
    }

    private static ReadOnlySpan<byte> EscapedSpace => "▁"u8;

    internal override bool TidiesSpaces => PreTokenizer.TidiesSpaces(Vocabulary.Pre);

    /// <summary>Whether every byte has a token, so that no text loses anything.</summary>
    internal bool SpellsEveryByte => Enumerable.Range(0, 256).All(b => Vocabulary.Find(_pre.IsPlain ? System.Text.Encoding.ASCII.GetBytes($"<0x{b:X2}>") : ByteCharacters.Encode((byte)b)) >= 0);

    private protected override ReadOnlySpan<byte> Bytes(int id) => _spellings[id];

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
            var id = word < Vocabulary.Count ? word : _others[word - Vocabulary.Count];
            if (_pre.IgnoresMerges || _wordStates[word] == Whole || (_pre.KeepsLineRuns && piece.IndexOfAnyExcept((byte)'\n') < 0))
            {
                ids.Add(id);
                return;
            }

            if (_wordStates[word] == Unknown)
            {
                var before = ids.Count;
                _merges.Encode(piece, ids);
                _wordStates[word] = ids.Count == before + 1 && ids[before] == id ? Whole : Split;
                return;
            }
        }

        _merges.Encode(piece, ids);
    }

    /// <summary>Spells the tokens of a vocabulary whose texts have a character for each byte. No two texts make the same word, since no two characters are the same byte.</summary>
    private void SpellOut()
    {
        for (var id = 0; id < Vocabulary.Count; id++)
        {
            if (Vocabulary.KindOf(id) != TokenKind.Normal)
            {
                Vocabulary.SpellPlain(id, _spellings);
            }
            else if (_spellings.Add(Vocabulary.TextOf(id), ByteCharacters.Decode) >= 0)
            {
                _words.Put(id);
            }
            else
            {
                _spellings.Add(Vocabulary.TextOf(id), ByteCharacters.DecodeLoosely);
            }
        }

        for (var id = 0; id < Vocabulary.Count; id++)
        {
            if (Vocabulary.KindOf(id) != TokenKind.Normal && _spellings.Add(Vocabulary.TextOf(id), ByteCharacters.Decode) is var word and >= 0)
            {
                _words.Put(word);
                _others.Add(id);
            }
        }
    }
}
