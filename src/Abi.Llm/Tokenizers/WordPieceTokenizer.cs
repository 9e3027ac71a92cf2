using System.Globalization;

namespace Abi.Llm.Tokenizers;

/// <summary>
/// WordPiece as BERT uses it (Devlin et al. 2018): text is cleaned, lower-cased, stripped of accents and cut at white space, punctuation and Chinese characters;
/// each word is spelt in the longest tokens from the left, or is unknown.
/// </summary>
/// <remarks>
/// Follows the original where llama.cpp differs: whole decompositions, control characters that vanish instead of parting words, and words of more than 100 characters, which are unknown.
/// </remarks>
internal sealed class WordPieceTokenizer : Tokenizer
{
    /// <summary>Words with more characters are unknown, as in the original.</summary>
    private const int LongestWord = 100;

    private static readonly int WordStart = "▁"u8.Length;

    private readonly ByteStrings _spellings; // of the tokens
    private readonly ByteTrie _pieces = new(); // tokens as the file spells them: U+2581 before what begins a word, nothing before what goes on
    private readonly bool _lowercases;
    private readonly bool _stripsAccents;

    public WordPieceTokenizer(Vocabulary vocabulary)
        : base(vocabulary, addsBegin: true, addsEnd: false, addsSeparator: true)
    {
        _lowercases = vocabulary.Metadata.GetBoolean("tokenizer.ggml.normalizer.lowercase", true);
        _stripsAccents = vocabulary.Metadata.GetBoolean("tokenizer.ggml.normalizer.strip_accents", _lowercases);
        _spellings = vocabulary.SpellPlain();
        for (var id = 0; id < vocabulary.Count; id++)
        {
            _pieces.AddMatchable(vocabulary.TextOf(id), id);
        }
    }

    /// <summary>A text is put between two tokens whatever the keys say.</summary>
    private protected override int? FirstId => BeginId;

    private protected override int? LastId => SeparatorId;

    internal override bool TidiesSpaces => true;

    private protected override ReadOnlySpan<byte> Bytes(int id) => _spellings[id];

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool followsSpecial, List<int> ids)
    {
        // A word is built behind the mark of its beginning, and never needs more than what makes it unknown.
        Span<byte> word = stackalloc byte[WordStart + (4 * (LongestWord + 4))];
        "▁"u8.CopyTo(word);
        var (length, characters) = (WordStart, 0);
        Span<int> parts = stackalloc int[4];
        for (var at = 0; at < utf8.Length;)
        {
            var codePoint = CodePoints.Decode(utf8[at..], out var used);
            at += used;
            if (codePoint is 0 or 0xfffd || IsControl(codePoint))
            {
                continue;
            }

            if (CharacterClasses.IsWhiteSpace(codePoint))
            {
                EndWord(word, ref length, ref characters, ids);
                continue;
            }

            var alone = IsChinese(codePoint);
            if (alone)
            {
                EndWord(word, ref length, ref characters, ids);
            }

            var count = Normalize(codePoint, parts);
            foreach (var part in parts[..count])
            {
                var isMark = IsPunctuation(part);
                if (isMark)
                {
                    EndWord(word, ref length, ref characters, ids);
                }

                if (++characters <= LongestWord)
                {
                    length += CodePoints.Encode(part, word[length..]);
                }

                if (isMark)
                {
                    EndWord(word, ref length, ref characters, ids);
                }
            }

            if (alone)
            {
                EndWord(word, ref length, ref characters, ids);
            }
        }

        EndWord(word, ref length, ref characters, ids);
    }

    private void EndWord(Span<byte> word, ref int length, ref int characters, List<int> ids)
    {
        if (characters > 0)
        {
            var before = ids.Count;
            if (characters > LongestWord || !Spell(word[..length], ids))
            {
                ids.RemoveRange(before, ids.Count - before);
                if (UnknownId is { } unknown)
                {
                    ids.Add(unknown);
                }
            }
        }

        (length, characters) = (WordStart, 0);
    }

    private bool Spell(ReadOnlySpan<byte> word, List<int> ids)
    {
        for (var at = 0; at < word.Length;)
        {
            var length = _pieces.LongestPrefix(word[at..], out var id);
            if (length == 0)
            {
                return false;
            }

            ids.Add(id);
            at += length;
        }

        return true;
    }

    private int Normalize(int codePoint, Span<int> parts)
    {
        var count = 1;
        parts[0] = codePoint;
        if (_stripsAccents)
        {
            count = AccentStripping.Strip(codePoint, parts);
        }

        if (!_lowercases)
        {
            return count;
        }

        foreach (ref var part in parts[..count])
        {
            part = CodePoints.ToLower(part);
        }

        return count;
    }

    private static bool IsControl(int codePoint) => codePoint is not ('\t' or '\n' or '\r') && CharUnicodeInfo.GetUnicodeCategory(codePoint)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate;

    private static bool IsPunctuation(int codePoint) => codePoint is (>= '!' and <= '/') or (>= ':' and <= '@') or (>= '[' and <= '`') or (>= '{' and <= '~')
        || (codePoint >= 0x80 && CharacterClasses.Of(codePoint) == CharacterClasses.Punctuation);

    // The gap after U+2B81F is the original's.
    private static bool IsChinese(int codePoint) => codePoint
        is (>= 0x4e00 and <= 0x9fff) or (>= 0x3400 and <= 0x4dbf) or (>= 0x20000 and <= 0x2a6df) or (>= 0x2a700 and <= 0x2b73f) or (>= 0x2b740 and <= 0x2b81f) or (>= 0x2b920 and <= 0x2ceaf)
        or (>= 0xf900 and <= 0xfaff) or (>= 0x2f800 and <= 0x2fa1f);
}
