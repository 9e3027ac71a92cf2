#pragma warning disable MA0048 // a part of DatabaseEngine
using System.Diagnostics;
using System.Globalization;
using Abi.Database.Rows;
using Abi.Database.Storage;
using Abi.Database.Telemetry;

namespace Abi.Database.Engine;

/// <content>Checkpoints.</content>
internal sealed partial class DatabaseEngine
{
    private const int SmallLog = 1 << 20;
    private const int GrownEnough = 1000; // nodes linked since the last checkpoint that make one at closing worth while

    private long _generation; // of the last attempt: files of a failed one may be named by a manifest that did reach the disk
    private long _savedBytes; // of the log, when the checkpoint of the manifest began; what was replayed at opening counts as written before it
    private long _fileBytes; // of the files that the manifest names
    private Exception? _checkpointFailure;

    /// <summary>Why the last checkpoint failed, or what was to follow it; null when it did not.</summary>
    public Exception? CheckpointFailure => Volatile.Read(ref _checkpointFailure);

    /// <summary>
    /// Writes every collection that changed into new files and names them in the manifest. Commits and reads go on meanwhile. A crash at any point leaves the old manifest with its
    /// files and log, or the new one with its own.
    /// </summary>
    public void Checkpoint(bool isClosing = false)
    {
        RequireWriting();
        EnterFiles(isClosing);
        var start = Stopwatch.GetTimestamp();
        try
        {
            foreach (var handle in _byId.Values.Where(handle => handle.StoreOrNull is { IsMergeDue: true }))
            {
                handle.IsDirty = true;
            }

            WriteAndRenew(isClosing, written =>
            {
                if (!isClosing)
                {
                    RenewDue(written);
                }
            });
            DatabaseTelemetry.CheckpointDuration.Record(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        catch (Exception error)
        {
            Volatile.Write(ref _checkpointFailure, error);
            throw;
        }
        finally
        {
            _checkpointGate.Release();
        }
    }

    // Whoever works on the files holds off closing, which gives the folder to others.
    private void EnterFiles(bool isClosing = false)
    {
        _checkpointGate.Wait();
        if (Volatile.Read(ref _isDisposed) != 0 && !isClosing)
        {
            _checkpointGate.Release();
            throw new ObjectDisposedException(nameof(VectorDatabase));
        }
    }

    // Returns the collections that were written, for the caller to dispose of.
    private List<SavedCollection> WriteCheckpoint(IStorage target, bool isClosing)
    {
        List<SavedCollection> dirty = [];
        List<CollectionHandle> all;
        long sequence, firstSegment, logBytes;
        int nextId;
        bool hasDamage;
        lock (_commitGate)
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0 && !isClosing, this);
            if (Failure is { } failure)
            {
                throw new DatabaseException("The database takes no more writes, so no checkpoint can be made.", failure);
            }

            _checkpointedBytes = logBytes = _log!.BytesWritten; // also when there is no room: it is tried again once as much was written
            _log.Rotate(_sequence + 1);
            (sequence, nextId) = (_sequence, _nextCollectionId);
            all = [.. _byId.Values];
            hasDamage = all.Exists(handle => handle.StoreOrNull is null && HasLog(handle.Saved!));

            // A damaged collection may be mended from a backup and this log, so the log stays, unless a salvage has lost what the collection needs of it.
            firstSegment = hasDamage ? _manifest.FirstLogSegment : _log.Segment;
            foreach (var handle in all)
            {
                if (handle.IsDirty && handle.StoreOrNull is { } store)
                {
                    dirty.Add(new SavedCollection(handle, store));
                    (handle.IsDirty, store.LinkedSinceSave) = (false, 0);
                }
            }
        }

        var generation = _generation = Math.Max(_manifest.Generation, _generation) + 1;
        Dictionary<CollectionHandle, ManifestEntry> saved = [];
        var isNamed = false;
        try
        {
            foreach (var one in dirty)
            {
                (saved[one.Handle], one.Order) = Save(target, one.Store, one.View, sequence, generation);
            }

            // With damage the log is read again from before other collections' files: each says itself where it stands.
            // One that is dropped meanwhile is there, too: its end is in the log that follows.
            var entries = all.Select(handle => saved.GetValueOrDefault(handle) ?? (handle.StoreOrNull is null ? handle.Saved! : handle.Saved! with { Sequence = sequence })).ToList();
            var manifest = new Manifest(_manifest.DatabaseId, generation, hasDamage ? _manifest.Sequence : sequence, firstSegment, nextId, entries);
            var fileBytes = FileBytes(manifest);
            isNamed = true; // perhaps, also when that fails
            manifest.Write(_storage);
            var keptFrom = FirstKeptSegment(firstSegment);
            lock (_commitGate)
            {
                (_manifest, _fileBytes, _savedBytes) = (manifest, fileBytes, logBytes);
                foreach (var entry in entries)
                {
                    if (_byId.TryGetValue(entry.Schema.Id, out var handle))
                    {
                        handle.Saved = entry;
                    }
                }

                DeleteOrphans();
                DeleteLog(keptFrom);
            }

            _archiver?.Notice(_log.Segment);
            Volatile.Write(ref _checkpointFailure, null);
            return dirty;
        }
        catch
        {
            foreach (var one in dirty)
            {
                one.Handle.IsDirty = true;
                one.Store.LinkedSinceSave += one.Linked;
                one.Dispose();
            }

            if (!isNamed)
            {
                DeleteFilesOf(generation);
            }

            throw;
        }
    }

    // What was written of a checkpoint that failed: each attempt has names of its own, and together they would fill the disk.
    private void DeleteFilesOf(long generation)
    {
        try
        {
            foreach (var name in _storage.List().Where(name => name.StartsWith("rows-", StringComparison.Ordinal) || name.StartsWith("graph-", StringComparison.Ordinal)).Where(name => name.Contains(Tag(generation), StringComparison.Ordinal)))
            {
                _storage.Delete(name);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The next checkpoint that succeeds, or opening, takes them away; what is told is why this one failed.
        }
    }

    private static string Tag(long generation) => string.Create(CultureInfo.InvariantCulture, $"-{generation:d10}");

    private (ManifestEntry Entry, int[] Order) Save(IStorage target, CollectionStore store, CollectionView view, long sequence, long generation)
    {
        var tag = string.Create(CultureInfo.InvariantCulture, $"{store.Schema.Id:d6}{Tag(generation)}");
        var rowsName = $"rows-{tag}.abi";
        var (checksum, order) = store.SaveRows(target, rowsName, view);
        var graphs = new (string, uint)?[store.Vectors.Length];
        for (var i = 0; i < graphs.Length; i++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"graph-{tag}-{i}.abi");
            graphs[i] = store.SaveGraph(target, name, i, order, _admission) is { } graph ? (name, graph) : null;
        }

        return (new ManifestEntry(store.Schema, sequence, (rowsName, checksum), graphs), order);
    }

    // As it is for a reader.
    private ManifestEntry Save(IStorage target, CollectionStore store, long generation)
    {
        var (place, view) = store.BeginRead();
        try
        {
            return Save(target, store, view, Sequence, generation).Entry;
        }
        finally
        {
            store.EndRead(place);
        }
    }

    private void CheckpointWhenDue()
    {
        var written = _log!.BytesWritten - _checkpointedBytes;
        if (!_byId.Any(collection => collection.Value.StoreOrNull is { IsMergeDue: true }) && (written < _options.CheckpointBytes || written < Volatile.Read(ref _fileBytes) / 2))
        {
            return;
        }

        if (Interlocked.Exchange(ref _isCheckpointDue, 1) != 0)
        {
            return;
        }

        if (StartThread(CheckpointInBackground, "Abi.Database checkpoint") is null)
        {
            Volatile.Write(ref _isCheckpointDue, 0); // the next commit tries again
        }
    }

    // On a thread of its own, which it may set for itself.
    private void CheckpointInBackground()
    {
        try
        {
            YieldToSearches();
            if (Volatile.Read(ref _isDisposed) == 0)
            {
                Checkpoint();
            }
        }
        catch (Exception)
        {
            // The log holds everything, and the owner is told why; it is tried again once as much was written as makes one due, but not over and over for what only saves memory.
            HoldOffMerges();
        }
        finally
        {
            Volatile.Write(ref _isCheckpointDue, 0);
        }
    }

    // Not while somebody may take them away.
    private long FileBytes(Manifest manifest)
    {
        long bytes = 0;
        foreach (var name in manifest.Files().Where(_storage.Exists))
        {
            using var file = _storage.OpenRead(name);
            bytes += file.Length;
        }

        return bytes;
    }

    // A short log is read faster than files are written; graphs that grew are worth keeping.
    private bool ShouldSaveAtClose() => _log!.BytesWritten - _savedBytes > SmallLog || _byId.Values.Any(handle => handle is { IsDirty: true, StoreOrNull: { } store } && store.LinkedSinceSave > GrownEnough);
}
