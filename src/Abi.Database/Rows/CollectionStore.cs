using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Filters;
using Abi.Database.Indexes;
using Abi.Database.Schema;
using Abi.Database.Storage;
using Abi.Database.Text;

namespace Abi.Database.Rows;

/// <summary>
/// A collection in memory. A record is a slot: a version that one commit wrote and a later one may delete. Readers see the slots of their snapshot and never wait; one writer at a time
/// applies commits. A slot is used again when its record was deleted, no reader can see it, and no graph leads to it.
/// </summary>
internal sealed partial class CollectionStore
{
    private const int LeastReclaim = 64;
    private const int ManyOutdated = 16;

    private readonly SlotArray<nint> _payloads = new(0);
    private readonly PayloadHeap _heap = new();
    private readonly FieldColumn?[] _columns;
    private readonly TextIndex?[] _texts;
    private readonly ReaderRegistry _readers = new();
    private readonly Stack<int> _free = new();
    private readonly Queue<int> _graves = new(); // deleted slots, in the order of their deletion
    private readonly Queue<(int Slot, uint Hash)> _outdated = new(); // those of them that keys lead to, and the hashes of the keys; in the same order
    private readonly Queue<(int Slot, uint Hash)> _held = new();     // the same of those that were deleted before, and that a reader sees
    private int _manyHeld = ManyOutdated;                           // from how many of those on it is looked whether one still does
    private readonly List<long> _read = [];                         // the sequences that are read, for a moment
    private readonly List<DecryptedMemory.Lease> _leases = []; // kept as long as the rows
    private readonly List<DecryptedFile> _paged = [];
    private long _decryptedWhole;
    private long _sequence;
    private int _slots;
    private int _live;
    private int _capacity;
    private CollectionView _view = new(0, 0, 0);
    private bool _isUnlinkDue; // set by the writer, cleared by the work in the background
    private int _unlinked;     // how often that was done
    private long _unlinkedTo;  // the last deletion that it was done for
    private int _noticed;      // the last time that the writer knows of
    private int _reclaimed;    // and that it has taken slots from
    private int _unswept;      // graves that it was not done for
    private long _worthAt;     // the deletion from which on that is worth while: that of the last of so many as make it due
    private int _unlinkAt;     // how many of them make the writer do it itself
    private int _reclaimable;  // graves, the first ones, that the writer has still to look at since then

    public CollectionStore(CollectionSchema schema, int indexThreads, long residentBytes)
    {
        Schema = schema;
        IndexThreads = indexThreads;
        Keys = new KeyIndex(_heap, _payloads);
        _columns = [.. schema.Data.Select(field => field.IsIndexed ? FieldColumn.Of(field) : null)];
        _texts = [.. schema.Data.Select(field => field.IsFullTextIndexed ? new TextIndex(field, Created) : null)];
        Vectors = [.. schema.Vectors.Select(field => new VectorIndex(field, residentBytes))];
        HasExpiry = schema.Definition.TimeToLive is not null;
    }

    public CollectionSchema Schema { get; }

    public int IndexThreads { get; }

    /// <summary>From keys to slots, those of deleted records included that somebody may still read.</summary>
    public KeyIndex Keys { get; }

    public VectorIndex[] Vectors { get; }

    public bool HasExpiry { get; }

    /// <summary>Bytes of records and vectors of its files that are in memory decrypted; 0 in a plain database.</summary>
    public long DecryptedBytes => _decryptedWhole + _paged.Sum(file => file.CachedBytes);

    /// <summary>The sequence that wrote a slot; <see cref="SlotSequences.None"/> while it has no record.</summary>
    public SlotSequences Created { get; } = new();

    /// <summary>The sequence that deleted a slot; <see cref="SlotSequences.None"/> while it was not.</summary>
    public SlotSequences Deleted { get; } = new();

    public SlotSequences Expires { get; } = new();

    public CollectionView View => Volatile.Read(ref _view);

    /// <summary>Nodes linked since the graphs were last written.</summary>
    public int LinkedSinceSave { get; set; }

    /// <summary>Whether something waits for the work in the background.</summary>
    public bool NeedsMaintenance => Volatile.Read(ref _isUnlinkDue) || Array.Exists(Vectors, index => index.Pending.Count > 0 && index.Graph is not null);

    /// <summary>The most vectors of a field that wait for a graph that is being grown.</summary>
    public int WaitingVectors
    {
        get
        {
            var most = 0;
            foreach (var index in Vectors)
            {
                most = Math.Max(most, index.Backlog);
            }

            return most;
        }
    }

    /// <summary>Whether a checkpoint should bring vectors from memory to disk.</summary>
    public bool IsMergeDue => !IsMergeHeldOff && Array.Exists(Vectors, index => index.IsMergeDue);

    /// <summary>Set when that failed: then it comes with the next checkpoint that is due anyway.</summary>
    public bool IsMergeHeldOff { get; set; }

    /// <summary>Whether it should be read anew from files that were just written: its vectors belong on disk, or many places in an encrypted file are lost, and what replaced them is in memory, until it is.</summary>
    public bool IsRenewalDue => Array.Exists(Vectors, index => index.Graph is DiskGraph || index.UsesDiskGraph(index.VectorCount)) || CountOutdated(Vectors.Max(index => (int?)index.Rows.PagedSlots) ?? 0) >= ManyGraves;

    /// <summary>Applies a write commit that is in the log: not yet seen by readers.</summary>
    /// <param name="reader">Behind the collection's id.</param>
    /// <param name="sequence">The commit's sequence.</param>
    public void Apply(ref ByteReader reader, long sequence)
    {
        _sequence = sequence;
        for (var left = reader.Count(); left > 0; left--)
        {
            switch ((OpCode)reader.Byte())
            {
                case OpCode.Upsert:
                    Upsert(ref reader, sequence);
                    break;
                case OpCode.Delete:
                    Delete(reader.Block(), sequence);
                    break;
                case OpCode.DeleteExpired:
                    var now = reader.Int64();
                    Delete(reader.Block(), sequence, now);
                    break;
                default:
                    throw new FormatException("An operation of an unknown kind.");
            }
        }
    }

    /// <summary>Lets readers see what was applied.</summary>
    public void Publish()
    {
        foreach (var index in Vectors)
        {
            index.Publish(_slots);
        }

        Volatile.Write(ref _view, new CollectionView(_sequence, _slots, _live));
        AskToUnlink();
    }

    /// <summary>Registers a reader; every read lies between this and <see cref="EndRead"/>.</summary>
    public (int Place, CollectionView View) BeginRead()
    {
        var place = _readers.Enter(ref _view, out var view);
        return (place, view);
    }

    public void EndRead(int place) => _readers.Leave(place);

    /// <summary>The slot of a key at a snapshot, or -1. Between BeginRead and EndRead.</summary>
    public int Find(ReadOnlySpan<byte> key, VisibleSlots visible) => Keys.Find(key, static (slot, visible) => visible.IsVisible(slot), visible);

    /// <summary>A record without its vectors. Between BeginRead and EndRead.</summary>
    public ReadOnlySpan<byte> Payload(int slot) => _heap.Read(_payloads[slot]);

    /// <summary>What a reader sees.</summary>
    public VisibleSlots Visible(CollectionView view, long now, VectorIndex? index = null, ulong[]? bits = null) =>
        new(Created, Deleted, HasExpiry ? Expires : null, view.Sequence, now, bits, index?.States);

    /// <summary>One bit a slot: what a filter lets through of what a reader sees.</summary>
    public ulong[] Select(Filter? filter, VisibleSlots visible, int slots)
    {
        var bits = new ulong[(slots + 63) >> 6];
        if (filter is not null)
        {
            bits = FilterEvaluator.Evaluate(filter, Schema, _columns, slots);
        }
        else
        {
            FilterBits.Not(bits);
        }

        for (var word = 0; word < bits.Length; word++)
        {
            for (var left = bits[word]; left != 0; left &= left - 1)
            {
                var slot = (word << 6) + System.Numerics.BitOperations.TrailingZeroCount(left);
                if (slot >= slots || !visible.IsVisible(slot))
                {
                    bits[word] &= ~(1ul << (slot & 63));
                }
            }
        }

        return bits;
    }

    /// <summary>The text fields that words can be searched in.</summary>
    public IEnumerable<TextIndex> TextIndexes => _texts.OfType<TextIndex>();

    /// <summary>Grows and repairs the graphs a little; none while one is being written, so that other collections do not wait for that.</summary>
    /// <returns>Whether there is more to do at once.</returns>
    public bool Maintain(WriteAdmission admission)
    {
        if (IsStill)
        {
            return false;
        }

        var more = false;
        var oldest = OldestRead;
        foreach (var index in Vectors)
        {
            var before = index.Pending.Count;
            more |= index.LinkSome(slot => Deleted[slot] <= oldest, IndexThreads, admission);
            LinkedSinceSave += Math.Max(0, before - index.Pending.Count);
        }

        if (Volatile.Read(ref _isUnlinkDue))
        {
            Unlink(oldest, Volatile.Read(ref _slots), admission); // behind every slot that was linked above
            Volatile.Write(ref _isUnlinkDue, false);
        }

        return more;
    }

    private int CountOutdated(int slots)
    {
        var count = 0;
        for (var slot = 0; slot < slots; slot++)
        {
            count += Deleted[slot] == SlotSequences.None ? 0 : 1;
        }

        return count;
    }

    private void Unlink(long oldest, int slots, WriteAdmission admission)
    {
        foreach (var index in Vectors)
        {
            index.Unlink(slot => Deleted[slot] <= oldest, slots, IndexThreads, admission);
        }

        Volatile.Write(ref _unlinkedTo, oldest);
        Interlocked.Increment(ref _unlinked);
    }

    private void Upsert(ref ByteReader reader, long sequence)
    {
        var expires = reader.Int64();
        var payload = reader.Block();
        var key = RecordCodec.CheckedKey(Schema.Definition.Key, payload);
        Delete(key, sequence);
        var slot = TakeSlot();
        Deleted[slot] = SlotSequences.None;
        if (HasExpiry)
        {
            Expires[slot] = expires == 0 ? SlotSequences.None : expires;
        }

        _payloads[slot] = _heap.Add(payload);
        SetFields(slot, sequence, payload);
        foreach (var index in Vectors)
        {
            if (reader.Byte() != 0)
            {
                index.Set(slot, reader.Bytes(index.RawBytes));
            }
        }

        Keys.Add(key, slot);
        Created[slot] = sequence;
        _live++;
    }

    private void SetFields(int slot, long sequence, ReadOnlySpan<byte> payload, bool setsTexts = true)
    {
        if (Schema.Data.Count == 0)
        {
            return;
        }

        var fields = new ByteReader(payload);
        fields.Block();
        for (var i = 0; i < _columns.Length; i++)
        {
            var value = RecordCodec.ReadValue(ref fields, Schema.Data[i].Kind);
            _columns[i]?.Set(slot, value);
            if (setsTexts)
            {
                _texts[i]?.Add(slot, sequence, (string?)value);
            }
        }
    }

    private void Delete(ReadOnlySpan<byte> key, long sequence, long expiredBy = long.MaxValue)
    {
        var slot = Keys.Find(key, static (slot, store) => store.Deleted[slot] == SlotSequences.None && store.Created[slot] != SlotSequences.None, this);
        if (slot < 0 || (HasExpiry && Expires[slot] > expiredBy))
        {
            return;
        }

        Deleted[slot] = sequence;
        Bury(slot);
        if (Created[slot] == sequence)
        {
            Keys.Remove(KeyIndex.Hash(key), slot); // written and replaced by one commit: nobody ever sees it
        }
        else
        {
            _outdated.Enqueue((slot, KeyIndex.Hash(key)));
        }

        if (_outdated.Count >= ManyOutdated && Deleted[_outdated.Peek().Slot] <= View.Sequence)
        {
            TidyKeys(OldestRead);
        }

        _live--;
        ForEachText(slot, static (text, value, _) => text.Remove(value));
    }

    private int TakeSlot()
    {
        if (_free.TryPop(out var slot) || (TryReclaim() && _free.TryPop(out slot)))
        {
            return slot;
        }

        slot = _slots;
        if (slot == _capacity)
        {
            Grow(slot + 1);
        }

        Volatile.Write(ref _slots, slot + 1); // behind its room: whoever works in the background goes through all slots below this
        return slot;
    }

    private void Grow(int slots, bool isLoading = false)
    {
        _capacity = (slots + SlotArray<int>.Mask) & ~SlotArray<int>.Mask;
        Created.Grow(_capacity);
        Deleted.Grow(_capacity);
        if (HasExpiry)
        {
            Expires.Grow(_capacity);
        }

        _payloads.Grow(_capacity);
        foreach (var column in _columns)
        {
            column?.Grow(_capacity);
        }

        foreach (var text in _texts)
        {
            text?.Grow(_capacity);
        }

        if (!isLoading)
        {
            foreach (var index in Vectors)
            {
                index.Grow(_capacity);
            }
        }
    }

    // What was deleted by then, nobody sees.
    private long OldestRead => _readers.Oldest(View.Sequence);

    // Deleted records that are worth the effort of taking them out of the graphs.
    private int ManyGraves => Math.Max(LeastReclaim, _slots / 20);

    private bool IsStill => Array.Exists(Vectors, index => index.IsStill);

    private bool HasGraph => Array.Exists(Vectors, index => index.Graph is not null);

    // Before slots are needed, so that they are free by then, and walks do not lead through them: the work in the background takes deleted records out of the graphs when they are many.
    private void AskToUnlink()
    {
        if (!Volatile.Read(ref _isUnlinkDue) && HasGraph && NoticeUnlinked() >= ManyGraves && _worthAt <= OldestRead)
        {
            Volatile.Write(ref _isUnlinkDue, true);
        }
    }

    /// <summary>Takes deleted records out of the graphs when the work in the background does not keep up, but not while a graph is being written, since commits would wait for that. By the writer, outside of its turn.</summary>
    public void UnlinkWhenOverdue(WriteAdmission admission)
    {
        const int Patience = 4;
        if (HasGraph && NoticeUnlinked() >= Math.Max(_unlinkAt, Patience * ManyGraves) && !IsStill
            && OldestRead is var oldest && _worthAt <= oldest)
        {
            Unlink(oldest, _slots, admission);
        }
    }

    private void Bury(int slot)
    {
        _graves.Enqueue(slot);
        CountUnswept(Deleted[slot]);
    }

    private void CountUnswept(long deletion)
    {
        if (_unswept++ < ManyGraves)
        {
            _worthAt = Math.Max(_worthAt, deletion);
        }
    }

    // How many graves no work was done for: those since the last time, and those that somebody could still read then.
    private int NoticeUnlinked()
    {
        if (Volatile.Read(ref _unlinked) is var unlinked && unlinked != _noticed)
        {
            (_noticed, _unswept, _worthAt) = (unlinked, 0, 0);
            var last = Volatile.Read(ref _unlinkedTo);
            foreach (var slot in _graves)
            {
                if (Deleted[slot] > last)
                {
                    CountUnswept(Deleted[slot]);
                }
            }
        }

        return _unswept;
    }

    // Long before their slots are used again, no key leads to deleted records that nobody can see: whoever wants the last version of a record that is written again and again does not look through all.
    // Who reads an old snapshot sees one version of it, and none of those that came and went since.
    private void TidyKeys(long oldest)
    {
        while (_held.TryPeek(out var first) && Deleted[first.Slot] <= oldest)
        {
            Keys.Remove(first.Hash, first.Slot);
            _held.Dequeue();
        }

        _read.Clear();
        _readers.AddTo(_read);
        if (_held.Count >= _manyHeld)
        {
            // Of those a short reader may have gone that saw them, while an old one stays that does not.
            for (var left = _held.Count; left > 0; left--)
            {
                HoldOrRemove(_held.Dequeue(), oldest);
            }

            _manyHeld = Math.Max(ManyOutdated, 2 * _held.Count);
        }

        while (_outdated.TryPeek(out var next) && Deleted[next.Slot] <= View.Sequence)
        {
            HoldOrRemove(_outdated.Dequeue(), oldest);
        }
    }

    private void HoldOrRemove((int Slot, uint Hash) one, long oldest)
    {
        var (created, deleted) = (Created[one.Slot], Deleted[one.Slot]);
        if (deleted > oldest && _read.Exists(sequence => created <= sequence && sequence < deleted))
        {
            _held.Enqueue(one);
        }
        else
        {
            Keys.Remove(one.Hash, one.Slot);
        }
    }

    // Instead of growing: frees the slots of deleted records when they are many and out of the graphs. Some at a time, since their texts are cut into words again and whoever writes waits.
    private bool TryReclaim()
    {
        const int MostAtOnce = 1024;
        var oldest = OldestRead;
        _ = NoticeUnlinked();
        if (_reclaimable == 0)
        {
            var unlinked = Volatile.Read(ref _unlinked);
            if (_graves.Count < ManyGraves || Deleted[_graves.Peek()] > oldest || (unlinked == _reclaimed && HasGraph))
            {
                return false;
            }

            (_reclaimed, _reclaimable) = (unlinked, _graves.Count);
        }

        TidyKeys(oldest);
        for (var left = Math.Min(_reclaimable, MostAtOnce); left > 0; left--, _reclaimable--)
        {
            var slot = _graves.Dequeue();
            if (Array.Exists(Vectors, index => index.IsFixed(slot)))
            {
                continue; // it goes when the collection is written and read anew
            }

            if (Deleted[slot] > oldest || !Release(slot))
            {
                Bury(slot);
            }
        }

        _unlinkAt = _unswept + ManyGraves; // what could not be freed now is not tried again with every record
        return _free.Count > 0;
    }

    private bool Release(int slot)
    {
        var isFree = true;
        foreach (var index in Vectors)
        {
            isFree &= index.TryRelease(slot);
        }

        if (!isFree)
        {
            return false;
        }

        Created[slot] = SlotSequences.None;
        ForEachText(slot, static (text, value, _) => text.Tidy(value));
        _heap.Free(_payloads[slot]);
        _payloads[slot] = 0;
        _free.Push(slot);
        return true;
    }

    private void ForEachText(int slot, Action<TextIndex, string?, int> act)
    {
        if (!Array.Exists(_texts, text => text is not null))
        {
            return;
        }

        var values = RecordCodec.ReadValues(Schema, Payload(slot));
        for (var i = 0; i < _texts.Length; i++)
        {
            if (_texts[i] is { } text)
            {
                act(text, (string?)values[i], slot);
            }
        }
    }
}
