using System.Collections.Concurrent;
using Abi.Database.Indexes;
using Abi.Database.Rows;

namespace Abi.Database.Text;

/// <summary>
/// The words of one text field, scored by Okapi BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009) with the always positive
/// idf = ln(1 + (N − n + ½) / (n + ½)). One writer; readers at any time. Counts are those of the newest commit; which records are found is decided by the reader's snapshot.
/// </summary>
internal sealed class TextIndex
{
    private const int None = -1; // no text

    private readonly SlotSequences _created;
    private readonly ConcurrentDictionary<string, PostingList> _words = new(StringComparer.Ordinal);
    private readonly WordList _list;
    private readonly SlotArray<int> _lengths = new(None); // in words
    private long _totalLength;
    private int _records;

    /// <summary>Makes an index without texts.</summary>
    /// <param name="field">The field.</param>
    /// <param name="created">The sequence that wrote each slot.</param>
    public TextIndex(DataField field, SlotSequences created)
    {
        (Field, _created) = (field, created);
        _list = new WordList(_words.ContainsKey);
    }

    public DataField Field { get; }

    /// <summary>How many different words there are to be found.</summary>
    public int Words => _words.Count;

    public void Grow(int slots) => _lengths.Grow(slots);

    /// <summary>Adds a record's text.</summary>
    /// <param name="slot">Its slot.</param>
    /// <param name="sequence">The sequence that writes it.</param>
    /// <param name="text">The text; null counts as no record.</param>
    public void Add(int slot, long sequence, string? text)
    {
        _lengths[slot] = None;
        if (text is null)
        {
            return;
        }

        var words = Cut(text);
        // Sorted by word and place, so that the places of a word stand together.
        var order = new int[words.Count];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(order, (a, b) => string.CompareOrdinal(words[a].Term, words[b].Term) is var sign and not 0 ? sign : a - b);
        for (var first = 0; first < order.Length;)
        {
            var term = words[order[first]].Term;
            var end = first + 1;
            while (end < order.Length && words[order[end]].Term == term)
            {
                end++;
            }

            if (!_words.TryGetValue(term, out var list))
            {
                _words[term] = list = new PostingList();
                _list.Add(term);
            }

            list.Add(slot, (uint)sequence, order.AsSpan(first, end - first));
            first = end;
        }

        _lengths[slot] = words.Count;
        Interlocked.Add(ref _totalLength, words.Count);
        Interlocked.Increment(ref _records);
    }

    /// <summary>Takes over what another index of the field has of a snapshot's records, whose slots have other numbers here, so that no text is cut again. This one must be empty; the other may be written to meanwhile.</summary>
    /// <param name="source">The other one. A reader holds the snapshot, so that none of its slots is used again.</param>
    /// <param name="order">By slot here: the slot there.</param>
    public void Take(TextIndex source, int[] order)
    {
        var slots = new int[order.Length == 0 ? 0 : order.Max() + 1]; // by slot there: the slot here, or -1
        Array.Fill(slots, -1);
        for (var slot = 0; slot < order.Length; slot++)
        {
            slots[order[slot]] = slot;
            var length = _lengths[slot] = source._lengths[order[slot]];
            if (length != None)
            {
                _totalLength += length;
                _records++;
            }
        }

        foreach (var (word, list) in source._words)
        {
            if (list.Renumber(posting => posting.Slot < slots.Length && source.IsCurrent(posting, slots.Length) ? slots[posting.Slot] : -1) is { Live: > 0 } taken)
            {
                _words[word] = taken;
                _list.Add(word);
            }
        }
    }

    /// <summary>Counts a record out. Readers of older snapshots still find it.</summary>
    public void Remove(string? text)
    {
        if (text is null)
        {
            return;
        }

        var words = Cut(text);
        foreach (var word in words.Select(word => word.Term).Distinct(StringComparer.Ordinal))
        {
            if (_words.TryGetValue(word, out var list))
            {
                list.Forget();
            }
        }

        Interlocked.Add(ref _totalLength, -words.Count);
        Interlocked.Decrement(ref _records);
    }

    /// <summary>Lets go of a deleted record that nobody can see any more: of its words' lists, those of which most can be dropped are made anew.</summary>
    public void Tidy(string? text)
    {
        foreach (var word in text is null ? [] : Cut(text).Select(word => word.Term).Distinct(StringComparer.Ordinal))
        {
            if (!_words.TryGetValue(word, out var list))
            {
                continue;
            }

            list.Drop();
            if (list.IsGone)
            {
                _words.TryRemove(word, out _);
            }
            else if (list.IsStale)
            {
                _words[word] = list.Compact(posting => (uint)_created[posting.Slot] == posting.Stamp);
            }
        }
    }

    /// <summary>Adds the scores of the records that have words of a text.</summary>
    public void ScoreWords(string text, double boost, TextScoring scoring, VisibleSlots visible, int slots, TextScores scores)
    {
        foreach (var word in Cut(text).Select(word => word.Term).Distinct(StringComparer.Ordinal))
        {
            if (!_words.TryGetValue(word, out var list))
            {
                continue;
            }

            var score = new Bm25(this, list.Live, boost, scoring);
            foreach (var posting in list.View)
            {
                if (IsCurrent(posting, slots) && visible.Accepts(posting.Slot))
                {
                    scores.Add(posting.Slot, score.Of(posting.Frequency, _lengths[posting.Slot]));
                }
            }
        }
    }

    /// <summary>Adds the scores of the records that have the words of a text one behind another; the last one only by its beginning for a prefix.</summary>
    public void ScorePhrase(string text, bool isPrefix, double boost, TextScoring scoring, VisibleSlots visible, int slots, TextScores scores)
    {
        List<(int Slot, int Frequency)> found = [];
        var having = 0; // of all that the reader sees, whatever its filter lets through
        foreach (var (slot, frequency) in Phrases(text, isPrefix, visible, slots))
        {
            having++;
            if (visible.Accepts(slot))
            {
                found.Add((slot, frequency));
            }
        }

        var score = new Bm25(this, having, boost, scoring);
        foreach (var (slot, frequency) in found)
        {
            scores.Add(slot, score.Of(frequency, _lengths[slot]));
        }
    }

    private List<TextWord> Cut(string text) => Tokenizer.Cut(text, Field.Stemming);

    private bool IsCurrent(Posting posting, int slots) => posting.Slot < slots && (uint)_created[posting.Slot] == posting.Stamp;

    // How often a phrase occurs in each record that has it.
    private IEnumerable<(int Slot, int Frequency)> Phrases(string text, bool isPrefix, VisibleSlots visible, int slots)
    {
        var words = Tokenizer.Cut(text, Stemming.None).ConvertAll(word => word.Term);
        List<List<PostingList>> places = []; // for each word of the phrase, the lists of the words that may stand there
        for (var i = 0; i < words.Count; i++)
        {
            var stem = Field.Stemming == Stemming.English ? EnglishStemmer.Stem(words[i]) : words[i];
            IEnumerable<string> terms = isPrefix && i == words.Count - 1 ? _list.Find(words[i]).Append(stem).Distinct(StringComparer.Ordinal) : [stem];
            List<PostingList> lists = [.. terms.Select(term => _words.GetValueOrDefault(term)).OfType<PostingList>()];
            if (lists.Count == 0)
            {
                yield break;
            }

            places.Add(lists);
        }

        if (places.Count == 0)
        {
            yield break;
        }

        // Where the phrase may begin, record by record; each further word leaves fewer. The rarest comes first, so that few are looked at.
        Dictionary<int, HashSet<int>>? starts = null;
        foreach (var i in Enumerable.Range(0, places.Count).OrderBy(i => places[i].Sum(list => (long)list.View.Length)))
        {
            var kept = new Dictionary<int, HashSet<int>>();
            foreach (var list in places[i])
            {
                foreach (var posting in list.View)
                {
                    if (starts?.ContainsKey(posting.Slot) == false || !IsCurrent(posting, slots) || !visible.IsVisible(posting.Slot))
                    {
                        continue;
                    }

                    foreach (var position in list.Positions(posting))
                    {
                        if (starts is null || starts[posting.Slot].Contains(position - i))
                        {
                            (kept.TryGetValue(posting.Slot, out var set) ? set : kept[posting.Slot] = []).Add(position - i);
                        }
                    }
                }
            }

            starts = kept;
        }

        foreach (var (slot, set) in starts!)
        {
            yield return (slot, set.Count);
        }
    }

    /// <summary>What an occurrence of a word counts.</summary>
    private readonly struct Bm25
    {
        private readonly double _factor;
        private readonly double _k1;
        private readonly double _b;
        private readonly double _average;

        public Bm25(TextIndex index, int having, double boost, TextScoring scoring)
        {
            var records = Math.Max(Volatile.Read(ref index._records), 1);
            having = Math.Min(having, records);
            _average = Math.Max((double)Interlocked.Read(ref index._totalLength) / records, 1e-9);
            (_k1, _b) = (scoring.K1, scoring.B);
            _factor = boost * Math.Log(1 + ((records - having + 0.5) / (having + 0.5))) * (_k1 + 1);
        }

        public double Of(int frequency, int length) => _factor * frequency / (frequency + (_k1 * (1 - _b + (_b * length / _average))));
    }
}
