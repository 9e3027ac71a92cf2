namespace Abi.Llm.Tokenizers;

/// <summary>
/// Byte-level BPE in which DNA between <c>&lt;dna&gt;</c> and <c>&lt;/dna&gt;</c> is cut into words of six bases, the last filled up with A; a word with other letters is <c>&lt;oov&gt;</c>.
/// </summary>
internal sealed class HybridDnaTokenizer : BytePairTokenizer
{
    private const int WordLength = 6;

    private readonly int _begin;
    private readonly int _end;
    private readonly int _unknown;

    public HybridDnaTokenizer(Vocabulary vocabulary)
        : base(vocabulary, PreTokenizer.Of(vocabulary.Pre))
    {
        _begin = vocabulary.Find("<dna>"u8);
        _end = vocabulary.Find("</dna>"u8);
        _unknown = vocabulary.Find("<oov>"u8);
    }

    /// <summary>Ends the file's spelling of a DNA word, to tell it from the same letters as text.</summary>
    private static ReadOnlySpan<byte> WordMark => "\uE000"u8;

    private protected override ReadOnlySpan<byte> Bytes(int id)
    {
        var text = Vocabulary.TextOf(id);
        return id > _unknown && _unknown >= 0 && text.EndsWith(WordMark) && text.Length > WordMark.Length ? text[..^WordMark.Length] : base.Bytes(id);
    }

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool followsSpecial, List<int> ids)
    {
        if (_begin < 0 || _end < 0 || _unknown < 0)
        {
            base.EncodeText(utf8, followsSpecial, ids);
            return;
        }

        while (!utf8.IsEmpty)
        {
            var start = utf8.IndexOf("<dna>"u8);
            if (start != 0)
            {
                base.EncodeText(start < 0 ? utf8 : utf8[..start], followsSpecial, ids);
            }

            if (start < 0)
            {
                return;
            }

            ids.Add(_begin);
            utf8 = utf8[(start + "<dna>"u8.Length)..];
            var end = utf8.IndexOf("</dna>"u8);
            EncodeBases(end < 0 ? utf8 : utf8[..end], ids);
            if (end < 0)
            {
                return;
            }

            ids.Add(_end);
            utf8 = utf8[(end + "</dna>"u8.Length)..];
        }
    }

    private void EncodeBases(ReadOnlySpan<byte> bases, List<int> ids)
    {
        Span<byte> word = stackalloc byte[WordLength + WordMark.Length];
        WordMark.CopyTo(word[WordLength..]);
        for (; !bases.IsEmpty; bases = bases[Math.Min(WordLength, bases.Length)..])
        {
            word[..WordLength].Fill((byte)'A');
            for (var i = 0; i < Math.Min(WordLength, bases.Length); i++)
            {
                word[i] = bases[i] is >= (byte)'a' and <= (byte)'z' ? (byte)(bases[i] - 32) : bases[i];
            }

            ids.Add(Vocabulary.Find(word) is var id and >= 0 ? id : _unknown);
        }
    }
}
