#pragma warning disable MA0048 // a part of DatabaseEngine
using System.Runtime.CompilerServices;
using Abi.Database.Log;
using Abi.Database.Rows;
using Abi.Database.Storage;

namespace Abi.Database.Engine;

/// <content>Letting go of memory that a checkpoint has brought to disk.</content>
internal sealed partial class DatabaseEngine
{
    private const int CatchUps = 3; // attempts to read what was committed meanwhile without holding commits up

    /// <summary>Takes the place of another engine, whose collections nobody begins to read any more.</summary>
    public void Replace(DatabaseEngine other)
    {
        foreach (var handle in other._byId.Values)
        {
            if (handle.StoreOrNull is { } store)
            {
                _replaced.Add(store);
            }
        }
    }

    /// <summary>Lets go of collections that were replaced or dropped, as far as nobody reads them; for a database that is open read-only, since one that is written to does so by itself.</summary>
    public void LetGoOfReplaced() => _replaced.Ask();

    // Writes a checkpoint and reads collections anew from its files.
    private void WriteAndRenew(bool isClosing, Action<List<SavedCollection>> renew)
    {
        Run();
        _replaced.Ask();

        // Apart, so that nothing here refers to what was replaced any more then.
        [MethodImpl(MethodImplOptions.NoInlining)]
        void Run()
        {
            var written = WriteCheckpoint(_background, isClosing);
            try
            {
                renew(written);
            }
            finally
            {
                written.ForEach(saved => saved.Dispose());
            }
        }
    }

    // A collection whose vectors belong on disk is read anew from the files just written: records, vectors and links stand there now. Whoever still reads the old one goes on.
    private void RenewDue(List<SavedCollection> written)
    {
        foreach (var saved in written)
        {
            if (saved.Handle is not { IsDropped: false, StoreOrNull: { IsRenewalDue: true } store })
            {
                continue;
            }

            try
            {
                Renew(saved);
            }
            catch (Exception error) when (error is AbiException or IOException)
            {
                // Nothing is lost: what is in memory is whole, only large.
                Volatile.Write(ref _checkpointFailure, error);
                store.IsMergeHeldOff = true;
            }
        }
    }

    private void Renew(SavedCollection saved)
    {
        var handle = saved.Handle;
        var entry = handle.Saved!;
        List<string> warnings = [];
        var store = CollectionStore.Load(entry.Schema, _storage, entry.Rows!.Value, entry.Graphs, entry.Sequence, IndexThreads, VectorMemoryBytes, warnings.Add, saved);
        if (warnings.Count > 0)
        {
            throw new DatabaseException(warnings[0]);
        }

        var (at, segment) = (entry.Sequence, _manifest.FirstLogSegment);
        for (var attempt = 0; attempt < CatchUps; attempt++)
        {
            at = CatchUp(store, at, ref segment);
        }

        lock (_commitGate)
        {
            if (CatchUp(store, at, ref segment) is var end && end < _sequence)
            {
                throw new DatabaseCorruptException($"The log ends with commit {end}, but {_sequence} was acknowledged. What is in memory is whole: make a backup.", _storage.Folder);
            }

            handle.Set(store);
            _replaced.Add(saved.Store);
        }

        Maintain(handle);
    }

    // Reads on from a segment of the log, and gives the last commit and the segment that it is in.
    private long CatchUp(CollectionStore store, long after, ref long segment)
    {
        var scan = new LogScan(_storage, _manifest.DatabaseId, segment, isSalvage: false);
        scan.Read((frame, payload) =>
        {
            var reader = new ByteReader(payload);
            if ((OpCode)reader.Byte() == OpCode.Write && reader.Int32() == store.Schema.Id)
            {
                store.Apply(ref reader, frame.Sequence);
                store.Publish();
            }

            return true;
        }, after, Sequence);
        segment = scan.Segment;
        return scan.LastSequence;
    }

    private void HoldOffMerges()
    {
        foreach (var handle in _byId.Values)
        {
            if (handle.StoreOrNull is { } store)
            {
                store.IsMergeHeldOff = true;
            }
        }
    }
}
