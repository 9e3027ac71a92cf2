using System.Buffers;
using System.Text;

namespace Abi.Database.Text;

/// <summary>Cuts text at word boundaries, by the rules WB1 to WB999 of Unicode's UAX #29.</summary>
internal static class WordBreaker
{
    /// <summary>The segments of a text that hold a letter, a digit or a character that is a word alone; with <paramref name="all"/>, all of them.</summary>
    public static List<(int Start, int Length)> Segments(string text, bool all = false)
    {
        List<(int, int)> segments = [];
        var scan = new Scan(text);
        var start = 0;
        var isWord = false;
        while (scan.Next())
        {
            if (scan.IsBoundary)
            {
                Add(scan.Start);
                start = scan.Start;
                isWord = false;
            }

            isWord |= WordClasses.IsWord(scan.Kind);
        }

        Add(text.Length);
        return segments;

        void Add(int end)
        {
            if (end > start && (isWord || all))
            {
                segments.Add((start, end - start));
            }
        }
    }

    /// <summary>Goes over a text cluster by cluster: a character and the marks that extend it (WB4).</summary>
    private struct Scan(string text)
    {
        private WordClass _before = WordClass.Other;   // the cluster before the last
        private WordClass _previous = WordClass.Other; // the last cluster
        private bool _wasPlain = true;                 // the last cluster has no marks
        private bool _endedInJoiner;
        private bool _isFirst = true;
        private int _indicators;                       // regional indicators in a row up to the last cluster
        private int _next;
        private bool _isPlain = true;
        private bool _endsInJoiner;

        public WordClass Kind { get; private set; }

        public int Start { get; private set; }

        /// <summary>Whether there is a boundary before the cluster.</summary>
        public bool IsBoundary { get; private set; }

        public bool Next()
        {
            if (_next >= text.Length)
            {
                return false;
            }

            if (!_isFirst)
            {
                _before = _previous;
                _previous = Kind;
                _indicators = Kind == WordClass.RegionalIndicator ? _indicators + 1 : 0;
            }

            (_wasPlain, _endedInJoiner) = (_isPlain, _endsInJoiner);
            Start = _next;
            var rune = Cluster(text, ref _next, out var kind, out _isPlain, out _endsInJoiner);
            Kind = kind;
            IsBoundary = !_isFirst && Breaks(rune);
            _isFirst = false;
            return true;
        }

        private readonly bool Breaks(Rune rune)
        {
            var (left, right) = (_previous, Kind);
            if (left == WordClass.CarriageReturn && right == WordClass.LineFeed)
            {
                return false; // WB3
            }

            if (IsNewline(left) || IsNewline(right))
            {
                return true; // WB3a, WB3b
            }

            if ((_endedInJoiner && IsPictograph(rune.Value)) || (left == WordClass.Space && right == WordClass.Space && _wasPlain))
            {
                return false; // WB3c, WB3d
            }

            var isLetterLeft = IsLetter(left);
            return (left, right) switch
            {
                _ when isLetterLeft && IsLetter(right) => false, // WB5
                _ when isLetterLeft && (right == WordClass.MidLetter || IsMidNumLet(right)) && IsLetter(Following()) => false, // WB6
                _ when (left == WordClass.MidLetter || IsMidNumLet(left)) && IsLetter(_before) && IsLetter(right) => false, // WB7
                (WordClass.HebrewLetter, WordClass.SingleQuote) => false, // WB7a
                (WordClass.HebrewLetter, WordClass.DoubleQuote) when Following() == WordClass.HebrewLetter => false, // WB7b
                (WordClass.DoubleQuote, WordClass.HebrewLetter) when _before == WordClass.HebrewLetter => false, // WB7c
                (WordClass.Numeric, WordClass.Numeric) => false, // WB8
                (_, WordClass.Numeric) when isLetterLeft => false, // WB9
                (WordClass.Numeric, _) when IsLetter(right) => false, // WB10
                (_, WordClass.Numeric) when (left == WordClass.MidNum || IsMidNumLet(left)) && _before == WordClass.Numeric => false, // WB11
                (WordClass.Numeric, _) when (right == WordClass.MidNum || IsMidNumLet(right)) && Following() == WordClass.Numeric => false, // WB12
                (WordClass.Katakana, WordClass.Katakana) => false, // WB13
                (WordClass.Letter or WordClass.HebrewLetter or WordClass.Numeric or WordClass.Katakana or WordClass.ExtendNumLet, WordClass.ExtendNumLet) => false, // WB13a
                (WordClass.ExtendNumLet, WordClass.Letter or WordClass.HebrewLetter or WordClass.Numeric or WordClass.Katakana) => false, // WB13b
                (WordClass.RegionalIndicator, WordClass.RegionalIndicator) => _indicators % 2 == 0, // WB15, WB16
                _ => true, // WB999
            };
        }

        private readonly WordClass Following()
        {
            var at = _next;
            if (at >= text.Length)
            {
                return WordClass.Other;
            }

            Cluster(text, ref at, out var kind, out _, out _);
            return kind;
        }

        private static Rune Cluster(string text, ref int at, out WordClass kind, out bool isPlain, out bool endsInJoiner)
        {
            var first = Read(text, ref at, out kind);
            (isPlain, endsInJoiner) = (true, kind == WordClass.Joiner);
            var isControl = IsNewline(kind);
            while (!isControl && at < text.Length)
            {
                var next = at;
                Read(text, ref next, out var mark);
                if (mark is not (WordClass.Extend or WordClass.Joiner))
                {
                    break;
                }

                (at, isPlain, endsInJoiner) = (next, false, mark == WordClass.Joiner);
            }

            return first;
        }

        private static Rune Read(string text, ref int at, out WordClass kind)
        {
            if (Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out var length) != OperationStatus.Done)
            {
                (rune, length) = (Rune.ReplacementChar, 1); // half of a surrogate pair
            }

            at += length;
            kind = WordClasses.Of(rune);
            return rune;
        }

        private static bool IsLetter(WordClass kind) => kind is WordClass.Letter or WordClass.HebrewLetter;

        private static bool IsMidNumLet(WordClass kind) => kind is WordClass.MidNumLet or WordClass.SingleQuote;

        private static bool IsNewline(WordClass kind) => kind is WordClass.CarriageReturn or WordClass.LineFeed or WordClass.Newline;

        private static bool IsPictograph(int c) => c is 0xA9 or 0xAE or 0x203C or 0x2049 or 0x2122 or 0x2139 or (>= 0x2194 and <= 0x21AA) or (>= 0x231A and <= 0x23FF) or (>= 0x25AA and <= 0x27BF) or (>= 0x2934 and <= 0x2935)
            or (>= 0x2B05 and <= 0x2B55) or 0x3030 or 0x303D or 0x3297 or 0x3299 or (>= 0x1F000 and <= 0x1F1E5) or (>= 0x1F200 and <= 0x1F3FA) or (>= 0x1F400 and <= 0x1FAFF);
    }
}
