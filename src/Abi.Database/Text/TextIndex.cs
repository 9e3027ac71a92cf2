using System.Buffers;
using System.Collections.Concurrent;
using Abi.Database.Indexes;
using Abi.Database.Rows;

namespace Abi.Database.Text;

/// <summary>
/// The words of one text field, scored by Okapi BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009) with k1 = 1.2 and b = 0.75 and the
/// always positive idf = ln(1 + (N − n + ½) / (n + ½)). One writer; readers at any time. Counts are those of the newest commit; which records are found is decided by the reader's snapshot.
/// </summary>
/// <param name="field">The field.</param>
/// <param name="created">The sequence that wrote each slot.</param>
internal sealed class TextIndex(DataField field, SlotArray<long> created)
{
    private const double K1 = 1.2;
    private const double B = 0.75;

    private readonly ConcurrentDictionary<string, PostingList> _words = new(StringComparer.Ordinal);
    private readonly SlotArray<int> _lengths = new(0);
    private long _totalLength;
    private int _records;

    public DataField Field { get; } = field;

    public void Grow(int slots) => _lengths.Grow(slots);

    /// <summary>Adds a record's text.</summary>
    /// <param name="slot">Its slot.</param>
    /// <param name="sequence">The sequence that writes it.</param>
    /// <param name="text">The text; null counts as no record.</param>
    public void Add(int slot, long sequence, string? text)
    {
        _lengths[slot] = 0;
        if (text is null)
        {
            return;
        }

        var words = Tokenizer.Words(text);
        foreach (var (word, frequency) in words.CountBy(word => word, StringComparer.Ordinal))
        {
            _words.GetOrAdd(word, static _ => new PostingList()).Add(new Posting(slot, (uint)sequence, frequency));
        }

        _lengths[slot] = words.Count;
        Interlocked.Add(ref _totalLength, words.Count);
        Interlocked.Increment(ref _records);
    }

    /// <summary>Counts a record out. Readers of older snapshots still find it.</summary>
    public void Remove(string? text)
    {
        if (text is null)
        {
            return;
        }

        var words = Tokenizer.Words(text);
        foreach (var word in words.Distinct(StringComparer.Ordinal))
        {
            if (_words.TryGetValue(word, out var list))
            {
                list.Forget();
            }
        }

        Interlocked.Add(ref _totalLength, -words.Count);
        Interlocked.Decrement(ref _records);
    }

    /// <summary>Drops what outdated occurrences of these words are left once nobody can see their records.</summary>
    public void Tidy(string? text)
    {
        foreach (var word in text is null ? [] : Tokenizer.Words(text).Distinct(StringComparer.Ordinal))
        {
            if (!_words.TryGetValue(word, out var list) || !list.IsStale)
            {
                continue;
            }

            if (list.Compact(posting => (uint)created[posting.Slot] == posting.Stamp) is { } kept && kept.View.Length > 0)
            {
                _words[word] = kept;
            }
            else
            {
                _words.TryRemove(word, out _);
            }
        }
    }

    /// <summary>Adds the scores of the records that have one of the words.</summary>
    public void Score(IReadOnlyCollection<string> words, VisibleSlots visible, int slots, double[] scores, List<int> touched)
    {
        var records = Math.Max(Volatile.Read(ref _records), 1);
        var average = Math.Max((double)Interlocked.Read(ref _totalLength) / records, 1e-9);
        foreach (var word in words)
        {
            if (!_words.TryGetValue(word, out var list))
            {
                continue;
            }

            var idf = Math.Log(1 + ((records - list.Live + 0.5) / (list.Live + 0.5)));
            foreach (var posting in list.View)
            {
                var slot = posting.Slot;
                if (slot >= slots || (uint)Volatile.Read(ref created[slot]) != posting.Stamp || !visible.Accepts(slot))
                {
                    continue;
                }

                if (scores[slot] == 0)
                {
                    touched.Add(slot);
                }

                var frequency = (double)posting.Frequency;
                scores[slot] += Field.Boost * idf * frequency * (K1 + 1) / (frequency + (K1 * (1 - B + (B * _lengths[slot] / average))));
            }
        }
    }

    /// <summary>The best records of several fields, best first; equal scores by the lower slot.</summary>
    public static List<(int Slot, double Score)> Search(IEnumerable<TextIndex> fields, string query, int count, VisibleSlots visible, int slots)
    {
        HashSet<string> words = [.. Tokenizer.Words(query)];
        var scores = ArrayPool<double>.Shared.Rent(Math.Max(slots, 1));
        Array.Clear(scores, 0, slots);
        List<int> touched = [];
        foreach (var field in fields)
        {
            field.Score(words, visible, slots, scores, touched);
        }

        var queue = new PriorityQueue<int, (double Score, int Order)>();
        foreach (var slot in touched)
        {
            queue.Enqueue(slot, (scores[slot], -slot));
            if (queue.Count > count)
            {
                queue.Dequeue();
            }
        }

        List<(int, double)> best = [];
        while (queue.TryDequeue(out var slot, out var rank))
        {
            best.Add((slot, rank.Score));
        }

        best.Reverse();
        ArrayPool<double>.Shared.Return(scores);
        return best;
    }
}
