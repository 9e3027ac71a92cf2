using System.Text;

namespace Abi.Llm.Tokenizers;

/// <summary>A text as pre-tokenizers see it: one character a code point, and where each begins in the bytes.</summary>
internal readonly ref struct TextView
{
    private readonly char[] _literal;
    private readonly char[] _classes;
    private readonly int[]? _offsets; // null: every character is one byte

    public TextView(ReadOnlySpan<byte> text, PreTokenizer pre)
    {
        if (Ascii.IsValid(text))
        {
            _literal = new char[text.Length];
            Encoding.ASCII.GetChars(text, _literal);
            _classes = _literal;
            return;
        }

        var count = 0;
        foreach (var b in text)
        {
            count += (b & 0xc0) != 0x80 ? 1 : 0;
        }

        _literal = pre.NeedsLiteral ? new char[count] : [];
        _classes = pre.NeedsClasses ? new char[count] : [];
        _offsets = new int[count + 1];
        _offsets[count] = text.Length;
        for (int i = 0, at = 0; at < text.Length; i++)
        {
            var codePoint = CodePoints.Decode(text[at..], out var length);
            _offsets[i] = at;
            at += length;
            if (pre.NeedsLiteral)
            {
                _literal[i] = Literal(codePoint);
            }

            if (pre.NeedsClasses)
            {
                _classes[i] = pre.MarksHan && CharacterClasses.IsHan(codePoint) ? CharacterClasses.Han
                    : pre.MarksJoiners && CharacterClasses.IsJoiner(codePoint) ? CharacterClasses.Joiner
                    : CharacterClasses.Of(codePoint);
            }
        }
    }

    public int OffsetOf(int index) => _offsets is null ? index : _offsets[index];

    /// <summary>The lengths of the pieces, in characters.</summary>
    public List<int> Cut(PreTokenizer pre)
    {
        var count = _offsets is null ? _literal.Length : _offsets.Length - 1;
        List<int> pieces = [count];
        foreach (var step in pre.Steps)
        {
            var view = step.Literal ? _literal : _classes;
            List<int> next = new(pieces.Count + (count / 4));
            var start = 0;
            foreach (var length in pieces)
            {
                step.Cut(view.AsSpan(start, length), next);
                start += length;
            }

            pieces = next;
        }

        return pieces;
    }

    // Beyond the first plane only the letters of one pattern matter; they have a letter of the first plane stand for them.
    private static char Literal(int codePoint) => codePoint switch
    {
        < 0x80 => (char)codePoint,
        _ when CharacterClasses.IsWhiteSpace(codePoint) => CharacterClasses.Space,
        < 0x10000 => (char)codePoint,
        _ => PreTokenizerPatterns.IsDeepSeekLetter(codePoint) ? 'ā' : '\uFFFE',
    };
}
