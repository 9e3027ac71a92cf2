using System.Numerics;
using System.Runtime.Intrinsics;

namespace Abi.Llm.Sampling;

/// <summary>
/// The tokens that may come next. It starts as the whole vocabulary (entry i is token i) and shrinks; "sorted" means by falling logit, ties by rising id. All buffers are
/// reused, so a steady state allocates nothing. Masked tokens (minus infinity) stay in the count until something drops them. A vocabulary that is lent is read where it lies: most chains
/// change a few logits and keep a few, so only blocks that are written to are copied, and all of them only for who asks for all.
/// </summary>
/// <remarks>For one thread at a time.</remarks>
internal sealed unsafe class Candidates
{
    private const int BlockLimit = 256;
    private float[] _logits = [];        // [capacity]
    private float[] _probabilities = []; // [capacity]
    private int[] _ids = [];             // [capacity], meaningless while whole
    private ulong[] _keys = [];          // [capacity], scratch of selections
    private float[] _maxima = [];        // [blocks], of selections
    private bool[] _isOwn = [];          // [blocks], while lent: whether _logits has the block
    private float* _lent;                // [count], the lender's; null once nothing is read there any more
    private bool _hasMaxima;             // whether _maxima has the greatest of each BlockLimit logits of the whole vocabulary

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>Whether entry i is token i still.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Whether entries are in falling order.</summary>
    public bool IsSorted { get; set; }

    /// <summary>The logits: [count]. To change a few, <see cref="SetLogit"/> is quicker in the end.</summary>
    public Span<float> Logits
    {
        get
        {
            Own();
            _hasMaxima = false; // whoever asks may write
            return _logits.AsSpan(0, Count);
        }
    }

    /// <summary>The probabilities as <see cref="Softmax"/> left them: [count].</summary>
    public Span<float> Probabilities => _probabilities.AsSpan(0, Count);

    /// <summary>The token of an entry.</summary>
    public int Id(int index) => IsWhole ? index : _ids[index];

    /// <summary>Starts over with a copy of the whole vocabulary: [vocabulary].</summary>
    public void Reset(ReadOnlySpan<float> logits)
    {
        fixed (float* address = logits)
        {
            Lend(address, logits.Length);
            Own();
        }
    }

    /// <summary>Starts over with the whole vocabulary, which is read where it lies until <see cref="TakeBack"/>: it must neither move nor change before. It is not written to.</summary>
    /// <param name="logits">[vocabulary].</param>
    /// <param name="count">The size of the vocabulary.</param>
    public void Lend(float* logits, int count)
    {
        if (_logits.Length < count)
        {
            _logits = new float[count];
            _probabilities = new float[count];
            _ids = new int[count];
            _keys = new ulong[count];
            _maxima = new float[(count / 16) + 1];
            _isOwn = new bool[(count / BlockLimit) + 1];
        }

        for (var start = 0; start < count; start += BlockLimit)
        {
            _maxima[start / BlockLimit] = LogitKernels.Max(new ReadOnlySpan<float>(logits + start, Math.Min(BlockLimit, count - start)));
        }

        _lent = logits;
        Array.Clear(_isOwn);
        Count = count;
        IsWhole = true;
        _hasMaxima = true;
        IsSorted = Count <= 1;
    }

    /// <summary>Ends a loan: nothing is left but what was chosen.</summary>
    public void TakeBack()
    {
        _lent = null;
        Count = 0;
    }

    /// <summary>The entry of a token, or -1.</summary>
    public int Find(int id)
    {
        if (IsWhole)
        {
            return (uint)id < (uint)Count ? id : -1;
        }

        return _ids.AsSpan(0, Count).IndexOf(id);
    }

    /// <summary>The logit of an entry.</summary>
    public float Logit(int index) => _lent == null || _isOwn[index / BlockLimit] ? _logits[index] : _lent[index];

    /// <summary>Changes the logit of an entry.</summary>
    public void SetLogit(int index, float logit)
    {
        var block = index / BlockLimit;
        if (_lent != null)
        {
            OwnBlock(block);
        }

        _logits[index] = logit;
        if (_hasMaxima && IsWhole)
        {
            _maxima[block] = LogitKernels.Max(Block(block));
        }
    }

    /// <summary>The greatest logit.</summary>
    public float Max() =>
        IsSorted && Count > 0 ? Logit(0)
        : _hasMaxima && IsWhole ? LogitKernels.Max(_maxima.AsSpan(0, Blocks))
        : LogitKernels.Max(_logits.AsSpan(0, Count));

    /// <summary>The first entry of the greatest logit; -1 when all are NaN or minus infinity.</summary>
    public int IndexOfMax()
    {
        if (!_hasMaxima || !IsWhole)
        {
            return LogitKernels.IndexOfMax(_logits.AsSpan(0, Count));
        }

        var block = LogitKernels.IndexOfMax(_maxima.AsSpan(0, Blocks));
        return block < 0 ? -1 : (block * BlockLimit) + LogitKernels.IndexOfMax(Block(block));
    }

    /// <summary>Fills <see cref="Probabilities"/> in the present order.</summary>
    public void Softmax()
    {
        Own();
        var max = Max();
        var logits = _logits.AsSpan(0, Count);
        LogitKernels.Exp(logits, max, Probabilities);
        LogitKernels.Divide(Probabilities, (float)LogitKernels.SumExp(logits, max));
    }

    /// <summary>Sorts all entries.</summary>
    public void Sort()
    {
        if (!IsSorted)
        {
            KeepTop(Count);
        }
    }

    /// <summary>Keeps the best so many, sorted.</summary>
    public void KeepTop(int count)
    {
        count = Math.Clamp(count, 1, Count);
        if (IsSorted)
        {
            Count = count;
            Detach();
            return;
        }

        SelectTop(count);
        AdoptTop(count);
    }

    /// <summary>Keeps the first so many in the present order.</summary>
    public void KeepFirst(int count)
    {
        Detach();
        Count = Math.Clamp(count, 1, Count);
    }

    /// <summary>Drops the best so many that <see cref="SelectTop"/> found; the rest keep their order.</summary>
    public void DropTop(int count)
    {
        var last = _keys[count - 1];
        Detach();
        var kept = 0;
        for (var i = 0; i < Count; i++)
        {
            if (Key(i) > last)
            {
                _logits[kept] = _logits[i];
                _ids[kept++] = _ids[i];
            }
        }

        Count = kept;
    }

    /// <summary>How many logits are at least this.</summary>
    public int CountAtLeast(float threshold)
    {
        Own();
        var count = 0;
        foreach (var logit in _logits.AsSpan(0, Count))
        {
            count += logit >= threshold ? 1 : 0;
        }

        return count;
    }

    /// <summary>Keeps the logits that are at least this, in the present order.</summary>
    public void KeepAtLeast(float threshold)
    {
        Detach();
        var kept = 0;
        for (var i = 0; i < Count; i++)
        {
            if (_logits[i] >= threshold)
            {
                _logits[kept] = _logits[i];
                _ids[kept++] = _ids[i];
            }
        }

        Count = kept;
    }

    /// <summary>Finds the best so many without changing the entries: <see cref="TopLogit"/> and <see cref="TopId"/> give them in order.</summary>
    public void SelectTop(int count)
    {
        var collected = count > Count / 16 || Count <= LogitKernels.SequentialLength ? CollectAll() : CollectAbove(count);
        var keys = _keys.AsSpan(0, collected);
        if (count < collected)
        {
            Partition(keys, count);
        }

        keys[..count].Sort();
    }

    /// <summary>The logit of a rank that <see cref="SelectTop"/> found.</summary>
    public float TopLogit(int rank) => FromOrder((uint)~(_keys[rank] >> 32));

    /// <summary>The token of a rank that <see cref="SelectTop"/> found.</summary>
    public int TopId(int rank) => (int)(uint)_keys[rank];

    /// <summary>Keeps what <see cref="SelectTop"/> found, up to a rank.</summary>
    public void AdoptTop(int count)
    {
        for (var i = 0; i < count; i++)
        {
            _logits[i] = TopLogit(i);
            _ids[i] = TopId(i);
        }

        Count = count;
        IsWhole = false;
        IsSorted = true;
        _lent = null;
    }

    /// <summary>Keeps the entries whose scores are the lowest; <paramref name="count"/> of them, in order of score. Scores are [count of entries] and not NaN.</summary>
    public void KeepLowest(ReadOnlySpan<float> scores, int count)
    {
        SelectLowest(scores, count);
        Detach();
        // the scratch of probabilities carries the logits across the permutation, the upper half of the keys is spent
        for (var i = 0; i < count; i++)
        {
            var entry = (int)(uint)_keys[i];
            _probabilities[i] = _logits[entry];
            _keys[i] = (uint)_ids[entry];
        }

        for (var i = 0; i < count; i++)
        {
            _logits[i] = _probabilities[i];
            _ids[i] = (int)_keys[i];
        }

        Count = count;
        IsSorted = count <= 1;
    }

    /// <summary>Finds the entries of the lowest scores; <see cref="LowestEntry"/> gives them in order.</summary>
    public void SelectLowest(ReadOnlySpan<float> scores, int count)
    {
        for (var i = 0; i < scores.Length; i++)
        {
            _keys[i] = ((ulong)ToOrder(scores[i]) << 32) | (uint)i;
        }

        var keys = _keys.AsSpan(0, scores.Length);
        if (count < keys.Length)
        {
            Partition(keys, count);
        }

        keys[..count].Sort();
    }

    /// <summary>The entry of a rank that <see cref="SelectLowest"/> found.</summary>
    public int LowestEntry(int rank) => (int)(uint)_keys[rank];

    private static uint ToOrder(float value)
    {
        if (float.IsNaN(value))
        {
            value = float.NegativeInfinity;
        }

        var bits = BitConverter.SingleToUInt32Bits(value == 0 ? 0 : value); // -0 and 0 are a tie
        return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    }

    private static float FromOrder(uint order) => BitConverter.UInt32BitsToSingle((order & 0x80000000u) != 0 ? order & 0x7fffffffu : ~order);

    /// <summary>Rearranges so that the lowest <paramref name="count"/> keys come first, in any order (Hoare's selection, median of three).</summary>
    private static void Partition(Span<ulong> keys, int count)
    {
        var low = 0;
        var high = keys.Length - 1;
        while (low < high)
        {
            var a = keys[low];
            var b = keys[(low + high) >>> 1];
            var c = keys[high];
            var pivot = Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
            var i = low - 1;
            var j = high + 1;
            while (true)
            {
                do
                {
                    i++;
                }
                while (keys[i] < pivot);
                do
                {
                    j--;
                }
                while (keys[j] > pivot);
                if (i >= j)
                {
                    break;
                }

                (keys[i], keys[j]) = (keys[j], keys[i]);
            }

            if (count <= j)
            {
                high = j;
            }
            else
            {
                low = j + 1;
            }
        }
    }

    private int Blocks => (Count + BlockLimit - 1) / BlockLimit;

    /// <summary>A block of the whole vocabulary, where it lies.</summary>
    private ReadOnlySpan<float> Block(int block)
    {
        var (start, length) = (block * BlockLimit, Math.Min(BlockLimit, Count - (block * BlockLimit)));
        return _lent == null || _isOwn[block] ? _logits.AsSpan(start, length) : new ReadOnlySpan<float>(_lent + start, length);
    }

    /// <summary>Copies a block that is lent, unless it has been.</summary>
    private void OwnBlock(int block)
    {
        if (!_isOwn[block])
        {
            Block(block).CopyTo(_logits.AsSpan(block * BlockLimit));
            _isOwn[block] = true;
        }
    }

    /// <summary>Copies what is still lent.</summary>
    private void Own()
    {
        if (_lent == null)
        {
            return;
        }

        for (var block = 0; block < Blocks; block++)
        {
            OwnBlock(block);
        }

        _lent = null;
    }

    private int CollectAll()
    {
        Own();
        for (var i = 0; i < Count; i++)
        {
            _keys[i] = Key(i);
        }

        return Count;
    }

    /// <summary>
    /// Collects a superset of the best: the k-th greatest of the blocks' maxima is a bound that at least k entries reach, and only blocks whose maximum reaches it are looked
    /// at again.
    /// </summary>
    private int CollectAbove(int count)
    {
        var block = Math.Clamp(Count / (count * 4) / 16 * 16, 16, BlockLimit);
        var blocks = (Count + block - 1) / block;
        var isKnown = _hasMaxima && IsWhole && block == BlockLimit;
        if (!isKnown)
        {
            Own();
        }

        for (var b = 0; b < blocks; b++)
        {
            if (!isKnown)
            {
                _maxima[b] = LogitKernels.Max(_logits.AsSpan(b * block, Math.Min(block, Count - (b * block))));
            }

            _keys[b] = (ulong)~ToOrder(_maxima[b]) << 32;
        }

        _hasMaxima = isKnown;

        if (blocks < count)
        {
            return CollectAll();
        }

        Partition(_keys.AsSpan(0, blocks), count);
        ulong last = 0;
        for (var b = 0; b < count; b++)
        {
            last = Math.Max(last, _keys[b]);
        }

        var threshold = FromOrder((uint)~(last >> 32));
        if (float.IsNegativeInfinity(threshold))
        {
            return CollectAll();
        }

        var collected = 0;
        for (var b = 0; b < blocks; b++)
        {
            if (_maxima[b] >= threshold)
            {
                collected = CollectAtLeast(threshold, isKnown ? Block(b) : _logits.AsSpan(b * block, Math.Min(block, Count - (b * block))), b * block, collected);
            }
        }

        return collected;
    }

    /// <summary>Appends the keys of the entries from <paramref name="first"/> on whose logits are at least this; returns how many keys there are then.</summary>
    private int CollectAtLeast(float threshold, ReadOnlySpan<float> logits, int first, int collected)
    {
        var bound = Vector256.Create(threshold);
        var i = 0;
        for (; i <= logits.Length - 8; i += 8)
        {
            for (var found = Vector256.GreaterThanOrEqual(Vector256.Create(logits[i..]), bound).ExtractMostSignificantBits(); found != 0; found &= found - 1)
            {
                var at = i + BitOperations.TrailingZeroCount(found);
                _keys[collected++] = Key(logits[at], Id(first + at));
            }
        }

        for (; i < logits.Length; i++)
        {
            if (logits[i] >= threshold)
            {
                _keys[collected++] = Key(logits[i], Id(first + i));
            }
        }

        return collected;
    }

    private ulong Key(int index) => Key(_logits[index], Id(index));

    private static ulong Key(float logit, int id) => ((ulong)~ToOrder(logit) << 32) | (uint)id;

    private void Detach()
    {
        if (!IsWhole)
        {
            return;
        }

        Own();
        for (var i = 0; i < Count; i++)
        {
            _ids[i] = i;
        }

        IsWhole = false;
    }
}
