using System.Buffers;
using System.Collections.Frozen;

namespace Abi.Database.Text;

/// <summary>
/// Porter's second stemmer for English (Snowball "English", https://snowballstem.org/algorithms/english/stemmer.html, as of Snowball 2). Written from its definition: steps 0 to 5 over a
/// word in lower case, with the regions R1 and R2 in which suffixes may go.
/// </summary>
internal static class EnglishStemmer
{
    private const char ConsonantY = 'Y'; // a y that is no vowel, while the word is worked on

    private static readonly SearchValues<char> Letters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz'");

    private static readonly FrozenDictionary<string, string> Whole = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["skis"] = "ski", ["skies"] = "sky", ["dying"] = "die", ["lying"] = "lie", ["tying"] = "tie", ["idly"] = "idl", ["gently"] = "gentl", ["ugly"] = "ugli", ["early"] = "earli", ["only"] = "onli", ["singly"] = "singl",
        ["sky"] = "sky", ["news"] = "news", ["howe"] = "howe", ["atlas"] = "atlas", ["cosmos"] = "cosmos", ["bias"] = "bias", ["andes"] = "andes",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenSet<string> WholeAfterPlural = new[] { "inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed" }.ToFrozenSet(StringComparer.Ordinal);

    // Longest first: the first that the word ends with is the one that counts, whether it may go or not.
    private static readonly (string Suffix, string By)[] Step2 =
    [
        ("ational", "ate"), ("fulness", "ful"), ("iveness", "ive"), ("ization", "ize"), ("ousness", "ous"), ("biliti", "ble"), ("lessli", "less"), ("tional", "tion"), ("alism", "al"), ("aliti", "al"), ("ation", "ate"),
        ("entli", "ent"), ("fulli", "ful"), ("iviti", "ive"), ("ousli", "ous"), ("abli", "able"), ("alli", "al"), ("anci", "ance"), ("ator", "ate"), ("enci", "ence"), ("izer", "ize"), ("bli", "ble"), ("ogi", "og"), ("li", ""),
    ];

    private static readonly (string Suffix, string By)[] Step3 =
        [("ational", "ate"), ("tional", "tion"), ("alize", "al"), ("ative", ""), ("icate", "ic"), ("iciti", "ic"), ("ical", "ic"), ("ness", ""), ("ful", "")];

    private static readonly string[] Step4 =
        ["ement", "able", "ance", "ence", "ible", "ment", "ant", "ate", "ent", "ion", "ism", "iti", "ive", "ize", "ous", "al", "er", "ic"];

    /// <summary>The stem of a word in lower case. A word with other than the letters a to z and apostrophes stays as it is.</summary>
    public static string Stem(string word)
    {
        if (word.Length <= 2 || word.AsSpan().ContainsAnyExcept(Letters))
        {
            return word;
        }

        if (Whole.TryGetValue(word, out var known))
        {
            return known;
        }

        var text = new Word(word);
        text.RemovePossessive();
        text.RemovePlural();
        if (!WholeAfterPlural.Contains(text.ToString()))
        {
            text.RemovePast();
            text.ReplaceFinalY();
            text.ReplaceStep2();
            text.ReplaceStep3();
            text.RemoveStep4();
            text.RemoveStep5();
        }

        return text.ToString().Replace(ConsonantY, 'y');
    }

    private static bool IsVowel(char c) => c is 'a' or 'e' or 'i' or 'o' or 'u' or 'y';

    /// <summary>A word that is worked on: its letters, and where R1 and R2 begin.</summary>
    private ref struct Word
    {
        private readonly Span<char> _letters;
        private readonly int _r1;
        private readonly int _r2;
        private int _length;

        public Word(string word)
        {
            // One letter more than there are: an e may be added.
            _letters = new char[word.Length + 1];
            var begin = word[0] == '\'' ? 1 : 0;
            word.AsSpan(begin).CopyTo(_letters);
            _length = word.Length - begin;
            for (var i = 0; i < _length; i++)
            {
                if (_letters[i] == 'y' && (i == 0 || IsVowel(_letters[i - 1])))
                {
                    _letters[i] = ConsonantY;
                }
            }

            ReadOnlySpan<char> letters = _letters[.._length];
            _r1 = letters.StartsWith("gener") || letters.StartsWith("arsen") ? 5 : letters.StartsWith("commun") ? 6 : RegionAfter(letters, 0);
            _r2 = RegionAfter(letters, _r1);
        }

        private readonly ReadOnlySpan<char> Letters => _letters[.._length];

        public override readonly string ToString() => new(Letters);

        /// <summary>Step 0.</summary>
        public void RemovePossessive()
        {
            foreach (var suffix in new[] { "'s'", "'s", "'" })
            {
                if (Letters.EndsWith(suffix))
                {
                    _length -= suffix.Length;
                    return;
                }
            }
        }

        /// <summary>Step 1a.</summary>
        public void RemovePlural()
        {
            if (Letters.EndsWith("sses"))
            {
                _length -= 2;
            }
            else if (Letters.EndsWith("ied") || Letters.EndsWith("ies"))
            {
                _length -= _length > 4 ? 2 : 1;
            }
            else if (Letters.EndsWith("s") && !Letters.EndsWith("us") && !Letters.EndsWith("ss") && HasVowel(_length - 2))
            {
                _length--;
            }
        }

        /// <summary>Step 1b.</summary>
        public void RemovePast()
        {
            foreach (var suffix in new[] { "eedly", "eed" })
            {
                if (Letters.EndsWith(suffix))
                {
                    if (_length - suffix.Length >= _r1)
                    {
                        _length -= suffix.Length - 2;
                    }

                    return;
                }
            }

            foreach (var suffix in new[] { "ingly", "edly", "ing", "ed" })
            {
                if (!Letters.EndsWith(suffix))
                {
                    continue;
                }

                if (!HasVowel(_length - suffix.Length))
                {
                    return;
                }

                _length -= suffix.Length;
                if (Letters.EndsWith("at") || Letters.EndsWith("bl") || Letters.EndsWith("iz"))
                {
                    _letters[_length++] = 'e';
                }
                else if (_length >= 2 && _letters[_length - 1] == _letters[_length - 2] && _letters[_length - 1] is 'b' or 'd' or 'f' or 'g' or 'm' or 'n' or 'p' or 'r' or 't')
                {
                    _length--;
                }
                else if (_r1 >= _length && EndsInShortSyllable(_length))
                {
                    _letters[_length++] = 'e';
                }

                return;
            }
        }

        /// <summary>Step 1c.</summary>
        public readonly void ReplaceFinalY()
        {
            if (_length > 2 && _letters[_length - 1] is 'y' or ConsonantY && !IsVowel(_letters[_length - 2]))
            {
                _letters[_length - 1] = 'i';
            }
        }

        /// <summary>Step 2.</summary>
        public void ReplaceStep2()
        {
            foreach (var (suffix, by) in Step2)
            {
                if (Letters.EndsWith(suffix))
                {
                    var at = _length - suffix.Length;
                    var before = at > 0 ? _letters[at - 1] : '\0';
                    if (at >= _r1 && suffix switch { "ogi" => before == 'l', "li" => before is 'c' or 'd' or 'e' or 'g' or 'h' or 'k' or 'm' or 'n' or 'r' or 't', _ => true })
                    {
                        Replace(suffix, by);
                    }

                    return;
                }
            }
        }

        /// <summary>Step 3.</summary>
        public void ReplaceStep3()
        {
            foreach (var (suffix, by) in Step3)
            {
                if (Letters.EndsWith(suffix))
                {
                    if (_length - suffix.Length >= (suffix == "ative" ? _r2 : _r1))
                    {
                        Replace(suffix, by);
                    }

                    return;
                }
            }
        }

        /// <summary>Step 4.</summary>
        public void RemoveStep4()
        {
            foreach (var suffix in Step4)
            {
                if (Letters.EndsWith(suffix))
                {
                    var at = _length - suffix.Length;
                    if (at >= _r2 && (suffix != "ion" || (at > 0 && _letters[at - 1] is 's' or 't')))
                    {
                        _length = at;
                    }

                    return;
                }
            }
        }

        /// <summary>Step 5.</summary>
        public void RemoveStep5()
        {
            var at = _length - 1;
            if ((Letters.EndsWith("e") && (at >= _r2 || (at >= _r1 && !EndsInShortSyllable(at)))) || (Letters.EndsWith("ll") && at >= _r2))
            {
                _length--;
            }
        }

        // The region behind the first letter that is no vowel and follows one.
        private static int RegionAfter(ReadOnlySpan<char> letters, int from)
        {
            for (var i = from + 1; i < letters.Length; i++)
            {
                if (!IsVowel(letters[i]) && IsVowel(letters[i - 1]))
                {
                    return i + 1;
                }
            }

            return letters.Length;
        }

        private void Replace(string suffix, string by)
        {
            _length -= suffix.Length;
            by.CopyTo(_letters[_length..]);
            _length += by.Length;
        }

        private readonly bool HasVowel(int length)
        {
            for (var i = 0; i < length; i++)
            {
                if (IsVowel(_letters[i]))
                {
                    return true;
                }
            }

            return false;
        }

        // Whether the first letters end in a vowel between consonants, the last no w, x or Y; or are a vowel and a consonant.
        private readonly bool EndsInShortSyllable(int length)
        {
            if (length < 2 || IsVowel(_letters[length - 1]) || !IsVowel(_letters[length - 2]))
            {
                return false;
            }

            return length == 2 || (!IsVowel(_letters[length - 3]) && _letters[length - 1] is not ('w' or 'x' or ConsonantY));
        }
    }
}
