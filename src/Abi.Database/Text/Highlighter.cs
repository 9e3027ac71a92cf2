using System.Collections.Immutable;

namespace Abi.Database.Text;

/// <summary>Finds in a text what a query asked for, and cuts out the parts around it.</summary>
internal static class Highlighter
{
    /// <summary>The best snippets of a field's text, in order; none when nothing of the query is in it.</summary>
    public static IEnumerable<TextHighlight> Highlight(DataField field, string text, TextQuery query, HighlightOptions options)
    {
        var words = Tokenizer.Cut(text, field.Stemming);
        var marks = new int[words.Count]; // for each word, which part of the query it is of, from 1; 0 for none
        var joined = new bool[words.Count]; // whether it goes on a phrase with the word before it
        var parts = 0;
        Mark(field, words, query, isWithin: true, marks, joined, ref parts);
        List<(int First, int Last, int Gain)> windows = [];
        var within = new int[parts + 1]; // of each part, its words from the first to the end of the window
        var (end, last, total, different) = (0, 0, 0, 0);
        for (var first = 0; first < words.Count; first++)
        {
            if (marks[first] == 0)
            {
                continue;
            }

            for (end = Math.Max(end, first); end < words.Count && words[end].Start + words[end].Length - words[first].Start <= options.SnippetLength; end++)
            {
                if (marks[end] != 0)
                {
                    total++;
                    last = end;
                    different += within[marks[end]]++ == 0 ? 1 : 0;
                }
            }

            if (!joined[first] || first == 0)
            {
                windows.Add((first, Math.Max(first, last), (different * 1000) + Math.Min(total, 999)));
            }

            if (first < end)
            {
                total--;
                different -= --within[marks[first]] == 0 ? 1 : 0;
            }
        }

        SortedList<int, int> chosen = []; // the last words by the first ones
        foreach (var window in windows.OrderByDescending(window => window.Gain).ThenBy(window => window.First))
        {
            if (chosen.Count == options.Snippets)
            {
                break;
            }

            // Those that are chosen lie apart: of the ones that begin before its end, the last one reaches farthest.
            if (LastUpTo(chosen.Keys, window.Last) is var before && (before < 0 || chosen.Values[before] < window.First))
            {
                chosen.Add(window.First, window.Last);
            }
        }

        return chosen.Select(window => Cut(field, text, words, marks, joined, window.Key, window.Value, options.SnippetLength));
    }

    // Where the last of rising numbers stands that is not above a limit, or -1.
    private static int LastUpTo(IList<int> numbers, int limit)
    {
        var (from, to) = (0, numbers.Count);
        while (from < to)
        {
            var middle = (from + to) / 2;
            (from, to) = numbers[middle] <= limit ? (middle + 1, to) : (from, middle);
        }

        return from - 1;
    }

    private static void Mark(DataField field, List<TextWord> words, TextQuery query, bool isWithin, int[] marks, bool[] joined, ref int parts)
    {
        isWithin &= query.Field is null || query.Field == field.Name;
        switch (query.Kind)
        {
            case TextQueryKind.Words when isWithin:
                Dictionary<string, int> terms = new(StringComparer.Ordinal);
                foreach (var word in Tokenizer.Cut(query.Text, field.Stemming))
                {
                    parts += terms.TryAdd(word.Term, parts + 1) ? 1 : 0;
                }

                for (var i = 0; i < words.Count; i++)
                {
                    marks[i] = marks[i] == 0 ? terms.GetValueOrDefault(words[i].Term) : marks[i];
                }

                break;
            case TextQueryKind.Phrase or TextQueryKind.Prefix when isWithin:
                MarkPhrase(field, words, query, marks, joined, ++parts);
                break;
            case TextQueryKind.Any or TextQueryKind.All or TextQueryKind.Preferring:
                foreach (var part in query.Parts)
                {
                    Mark(field, words, part, isWithin, marks, joined, ref parts);
                }

                break;
            case TextQueryKind.Except:
                Mark(field, words, query.Parts[0], isWithin, marks, joined, ref parts);
                break;
        }
    }

    private static void MarkPhrase(DataField field, List<TextWord> words, TextQuery query, int[] marks, bool[] joined, int part)
    {
        var plain = Tokenizer.Cut(query.Text, Stemming.None);
        var terms = Tokenizer.Cut(query.Text, field.Stemming);
        for (var start = 0; terms.Count > 0 && start + terms.Count <= words.Count; start++)
        {
            var matches = true;
            for (var i = 0; matches && i < terms.Count; i++)
            {
                var term = words[start + i].Term;
                matches = term == terms[i].Term || (query.Kind == TextQueryKind.Prefix && i == terms.Count - 1 && term.StartsWith(plain[i].Term, StringComparison.Ordinal));
            }

            for (var i = 0; matches && i < terms.Count; i++)
            {
                marks[start + i] = part;
                joined[start + i] |= i > 0;
            }
        }
    }

    private static TextHighlight Cut(DataField field, string text, List<TextWord> words, int[] marks, bool[] joined, int first, int last, int length)
    {
        // What is left of the length goes to both sides, word by word.
        var (from, to) = (first, last);
        int Span(int a, int b) => words[b].Start + words[b].Length - words[a].Start;
        for (var grew = true; grew;)
        {
            grew = false;
            if (to + 1 < words.Count && Span(from, to + 1) <= length)
            {
                to++;
                grew = true;
            }

            if (from > 0 && Span(from - 1, to) <= length)
            {
                from--;
                grew = true;
            }
        }

        var start = words[from].Start;
        var end = words[to].Start + words[to].Length;
        // The marks of a sentence's ends belong to it.
        start = from == 0 && Trimmed(text, 0, start) is var head && start - head <= 8 ? head : start;
        end = to == words.Count - 1 && text.Length - end <= 8 ? text.AsSpan().TrimEnd().Length : end;
        var ranges = ImmutableArray.CreateBuilder<TextRange>();
        for (var i = from; i <= to; i++)
        {
            if (marks[i] == 0)
            {
                continue;
            }

            var begin = words[i].Start - start;
            if (joined[i] && ranges.Count > 0 && i > from && marks[i - 1] != 0)
            {
                ranges[^1] = new TextRange(ranges[^1].Start, begin + words[i].Length - ranges[^1].Start);
            }
            else
            {
                ranges.Add(new TextRange(begin, words[i].Length));
            }
        }

        return new TextHighlight(field.Name, text[start..end], start, ranges.ToImmutable());
    }

    private static int Trimmed(string text, int from, int to)
    {
        while (from < to && char.IsWhiteSpace(text[from]))
        {
            from++;
        }

        return from;
    }
}
