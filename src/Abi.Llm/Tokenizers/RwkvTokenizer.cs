namespace Abi.Llm.Tokenizers;

/// <summary>RWKV's World tokenizer: from the left, always the longest token. The file writes tokens with escapes (<c>\n</c>, <c>\xe4</c>), for they need not be UTF-8.</summary>
internal sealed class RwkvTokenizer : Tokenizer
{
    private readonly ByteStrings _spellings; // of the tokens
    private readonly ByteTrie _tokens = new();

    public RwkvTokenizer(Vocabulary vocabulary)
        : base(vocabulary, addsBegin: false, addsEnd: false)
    {
        _spellings = vocabulary.RoomForSpellings();
        for (var id = 0; id < vocabulary.Count; id++)
        {
            _spellings.Add(vocabulary.TextOf(id), Unescape);
            _tokens.AddMatchable(_spellings[id], id);
        }
    }

    // The reference puts nothing around a text, whatever the keys say.
    private protected override int? FirstId => null;

    private protected override int? LastId => null;

    private protected override ReadOnlySpan<byte> Bytes(int id) => _spellings[id];

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool followsSpecial, List<int> ids)
    {
        for (var at = 0; at < utf8.Length;)
        {
            var length = _tokens.LongestPrefix(utf8[at..], out var id);
            if (length > 0)
            {
                ids.Add(id);
            }
            else if (UnknownId is { } unknown)
            {
                ids.Add(unknown);
            }

            at += Math.Max(length, 1);
        }
    }

    private static int Unescape(ReadOnlySpan<byte> text, Span<byte> target)
    {
        var written = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\')
            {
                target[written++] = text[i];
            }
            else if (++i < text.Length)
            {
                if (text[i] == 'x' && i + 2 < text.Length && char.IsAsciiHexDigit((char)text[i + 1]) && char.IsAsciiHexDigit((char)text[i + 2]))
                {
                    target[written++] = Convert.FromHexString([(char)text[i + 1], (char)text[i + 2]])[0];
                    i += 2;
                }
                else
                {
                    target[written++] = text[i] switch { (byte)'t' => (byte)'\t', (byte)'n' => (byte)'\n', (byte)'r' => (byte)'\r', var other => other };
                }
            }
        }

        return written;
    }
}
