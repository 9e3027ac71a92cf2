#pragma warning disable MA0048 // a part of DatabaseEngine
using System.Globalization;
using Abi.Database.Backup;
using Abi.Database.Log;
using Abi.Database.Rows;
using Abi.Database.Schema;
using Abi.Database.Storage;

namespace Abi.Database.Engine;

/// <content>Opening: files first, then the log.</content>
internal sealed partial class DatabaseEngine
{
    // More than anybody makes between two checkpoints, and few enough for a million salvages. What follows a salvage has numbers that the lost commits, of which nobody knows how many there were, cannot
    // have had, so that a backup which has them is never gone on with.
    private const long MostLostCommits = 1L << 40;

    private long _replayed;
    private long _readSegment; // of the log, in which it ended when it was read

    private void Recover(RestoreOptions? limits)
    {
        _warnings.Clear();
        _replayed = 0;
        LoadCollections();
        var scan = new LogScan(_storage, _manifest.DatabaseId, _manifest.FirstLogSegment, _options.Recovery == RecoveryMode.Salvage);
        var (lastSequence, lastTime) = (limits?.ToSequence ?? long.MaxValue, limits?.ToTime?.UtcTicks ?? long.MaxValue);
        RequireState(lastSequence);
        long? nextTime = null; // of the first commit that is left out
        scan.Read((frame, payload) =>
        {
            nextTime = frame.Time > lastTime ? frame.Time : null;
            return nextTime is null && frame.Sequence <= lastSequence && Replay(frame, payload);
        }, _manifest.Sequence, lastSequence);
        (_sequence, _readSegment) = (scan.LastSequence, scan.Segment);
        if (limits is not null)
        {
            RequireState(_sequence);
            RequireMoment(limits, nextTime);
        }

        var isLost = scan.IsDamaged || _sequence < _manifest.OldestState;
        if (isLost && _options.Recovery != RecoveryMode.Salvage)
        {
            throw new DatabaseCorruptException($"The log ends with commit {_sequence}, but files of the database have commits up to {_manifest.OldestState}: its end is missing. Put it back, restore a backup, or open with RecoveryMode.Salvage to keep what there is.", _storage.Folder);
        }

        Report = new RecoveryReport(_sequence, _replayed, scan.CutReason, [.. _warnings]);
        PublishAll();
        if (IsReadOnly)
        {
            if ((isLost || _warnings.Count > 0) && Manifest.Read(_storage).Generation != _manifest.Generation)
            {
                throw new IOException("A checkpoint took files away while they were read."); // which is no damage: there are others
            }

            return;
        }

        _storage.FlushFolder(); // what was found is built on, and a process that was killed may not have made its names durable
        DeleteOrphans();
        Restoration.DeleteRest(_storage);
        if (isLost)
        {
            var kept = _sequence;
            _sequence = Math.Max(kept, _manifest.OldestState) + MostLostCommits;
            _warnings.Add($"The log was damaged, and what was committed after commit {kept} is lost, except for what was in files already. The database goes on with commit {_sequence + 1} under another identity, which no earlier backup and no archive of the log goes on with: make a full backup.");
            Report = Report with { Warnings = [.. _warnings] };
        }

        if (isLost || limits is not null)
        {
            BeginHistory();
        }
        else
        {
            _log = LogWriter.Continue(_storage, _manifest.DatabaseId, _options.LogSegmentBytes, scan);
        }

        _checkpointedBytes = _savedBytes; // what was replayed counts, so that the log of a program that is never closed does not grow for ever
    }

    // What follows is another history than the log that there is: it gets a manifest, a log, and an identity of its own. A crash at any point leaves what there was, or this.
    private void BeginHistory()
    {
        var last = _storage.List().Select(LogFormat.Number).Max();
        if (last > long.MaxValue / 2)
        {
            throw new DatabaseCorruptException("This is no segment of the log: no database has so many. Take the file away.", Path.Combine(_storage.Folder, LogFormat.Name(last)));
        }

        _generation = _manifest.Generation + 1;
        List<ManifestEntry> entries = [];
        foreach (var handle in _byId.Values)
        {
            if (handle is { IsDirty: true, StoreOrNull: { } store })
            {
                handle.Saved = Save(_storage, store, _generation);
                (handle.IsDirty, store.LinkedSinceSave) = (false, 0);
            }
            else if (handle.StoreOrNull is not null)
            {
                handle.Saved = handle.Saved! with { Sequence = _sequence };
            }

            entries.Add(handle.Saved!);
        }

        _savedBytes = 0;
        _manifest = new Manifest(Guid.NewGuid(), _generation, _sequence, last + 2, _nextCollectionId, entries); // beyond a gap
        _manifest.Write(_storage);
        _log = LogWriter.Start(_storage, _manifest.DatabaseId, _options.LogSegmentBytes, _manifest.FirstLogSegment, _sequence + 1);
        DeleteOrphans();
        _storage.FlushFolder(); // the log of the other history must not come back
    }

    private void RequireState(long sequence)
    {
        if (sequence < _manifest.OldestState)
        {
            throw new DatabaseException($"The backup begins with commit {_manifest.OldestState}; commit {sequence} is before that. Restore it from an older one, or restore to commit {_manifest.OldestState} for the oldest state that is in this one.");
        }
    }

    // The files do not say when their last commit was made, only the log does; but not after their backup was begun.
    private void RequireMoment(RestoreOptions limits, long? nextTime)
    {
        if (limits is { ToTime: { } time, BackupTime: { } begun } && time < begun && _sequence == _manifest.OldestState && _sequence > 0 && _sequence != limits.ToSequence)
        {
            var earliest = nextTime < begun.UtcTicks ? new DateTimeOffset(nextTime.Value, TimeSpan.Zero) : begun;
            throw new DatabaseException(string.Create(CultureInfo.InvariantCulture, $"The backup begins with commit {_sequence}, which may have been made after {time.UtcDateTime:O}: the earliest moment that it can be restored to is {earliest.UtcDateTime:O}. Name that or a later one, take an older backup, or restore to commit {_sequence} for the oldest state that is in this one."));
        }
    }

    // A reader's way to what was committed since it last looked, while the files are the same.
    private bool ReadOn()
    {
        var scan = new LogScan(_storage, _manifest.DatabaseId, _readSegment, isSalvage: false);
        scan.Read((frame, payload) =>
        {
            Replay(frame, payload);
            Volatile.Write(ref _sequence, frame.Sequence); // at once, so that it is not applied again when reading fails behind it
            return true;
        }, _sequence);
        _readSegment = scan.Segment;
        return true;
    }

    private void LoadCollections()
    {
        // Only a reader's second attempt finds any.
        _collections.Clear();
        _byId.Clear();
        _nextCollectionId = _manifest.NextCollectionId;
        foreach (var entry in _manifest.Collections)
        {
            var handle = new CollectionHandle(entry.Schema) { Saved = entry, IsDirty = false };
            try
            {
                RequireLog(entry);
                handle.Set(entry.Rows is { } rows
                    ? CollectionStore.Load(entry.Schema, _storage, rows, entry.Graphs, entry.Sequence, IndexThreads, VectorMemoryBytes, _warnings.Add)
                    : new CollectionStore(entry.Schema, IndexThreads, VectorMemoryBytes));
            }
            catch (DatabaseCorruptException damage)
            {
                handle.SetDamage(damage);
                _warnings.Add($"The collection '{entry.Schema.Name}' is damaged; the others are not. {damage.Message}");
            }

            _collections[entry.Schema.Name] = handle;
            _byId[entry.Schema.Id] = handle;
        }
    }

    // The file of a collection that was damaged when the log was salvaged is of no use any more, though somebody puts it back.
    private void RequireLog(ManifestEntry entry)
    {
        if (!HasLog(entry))
        {
            throw new DatabaseCorruptException($"Its files have commits up to {entry.Sequence}, and the log begins after commit {_manifest.Sequence}: what is between was lost when the log was salvaged. Restore a backup, or delete the collection.", Path.Combine(_storage.Folder, entry.Rows?.Name ?? Manifest.FileName));
        }
    }

    // Whether the log that the manifest keeps goes on where a collection's files end.
    private bool HasLog(ManifestEntry entry) => entry.Sequence >= _manifest.Sequence;

    private bool Replay(LogFrame frame, ReadOnlySpan<byte> payload)
    {
        try
        {
            if (Apply(payload, frame.Sequence) is { } store)
            {
                store.Publish();
                store.UnlinkWhenOverdue(_admission);
            }
        }
        catch (FormatException error)
        {
            throw new DatabaseCorruptException($"The commit {frame.Sequence} cannot be read although its checksum matches: {error.Message}", _storage.Folder, frame.Offset);
        }

        _replayed++;
        _savedBytes -= payload.Length;
        return true;
    }

    // Applies a commit in memory. Returns the store whose readers are to see it.
    private CollectionStore? Apply(ReadOnlySpan<byte> payload, long sequence)
    {
        var reader = new ByteReader(payload);
        switch ((OpCode)reader.Byte())
        {
            case OpCode.CreateCollection:
                var schema = CollectionSchema.Read(ref reader);
                if (sequence <= _manifest.OldestState)
                {
                    return null; // The log begins before the manifest, because a damaged collection needs it: this one is in files already, or was dropped since.
                }

                var made = new CollectionHandle(schema);
                made.Set(new CollectionStore(schema, IndexThreads, VectorMemoryBytes));
                _collections[schema.Name] = made;
                _byId[schema.Id] = made;
                _nextCollectionId = Math.Max(_nextCollectionId, schema.Id);
                return null;
            case OpCode.DropCollection:
                if (_byId.TryRemove(reader.Int32(), out var dropped))
                {
                    _collections.TryRemove(dropped.Schema.Name, out _);
                    dropped.IsDropped = true;
                    if (dropped.StoreOrNull is { } last)
                    {
                        _replaced.Add(last);
                    }
                }

                return null;
            case OpCode.Write:
                if (!_byId.TryGetValue(reader.Int32(), out var handle) || sequence <= (handle.Saved?.Sequence ?? 0) || handle.StoreOrNull is not { } store)
                {
                    return null; // of a collection dropped since, in its files already, or damaged: then its log is kept
                }

                handle.IsDirty = true;
                store.Apply(ref reader, sequence);
                return store;
            default:
                throw new FormatException("A commit of an unknown kind.");
        }
    }

    private void PublishAll()
    {
        foreach (var handle in _byId.Values)
        {
            handle.StoreOrNull?.Publish();
        }
    }

    // What a crash left between writing files and naming them, or between naming new ones and deleting old ones, and the end of a backup, which now is a database.
    private void DeleteOrphans()
    {
        HashSet<string> known = [.. _manifest.Files()];
        var names = _storage.List();
        var segments = names.Select(LogFormat.Number).ToHashSet();
        var firstSegment = _manifest.FirstLogSegment;
        while ((_options.KeepLog || _options.LogArchive is not null) && firstSegment > 0 && segments.Contains(firstSegment - 1))
        {
            firstSegment--; // kept; what a gap parts from it was given up
        }

        foreach (var name in names)
        {
            if (name.EndsWith(".tmp", StringComparison.Ordinal) || name is BackupEnd.FileName or LogFormat.SpareName
                || ((name.StartsWith("rows-", StringComparison.Ordinal) || name.StartsWith("graph-", StringComparison.Ordinal)) && !known.Contains(name))
                || (LogFormat.Number(name) is >= 0 and var number && number < firstSegment))
            {
                TryDelete(name);
            }
        }
    }

    // The segments below a number that are over.
    private void DeleteLog(long below)
    {
        foreach (var name in _storage.List().Where(name => LogFormat.Number(name) is >= 0 and var number && number < below && number < _log!.Segment))
        {
            TryDelete(name);
        }
    }

    // What only takes room. A file that cannot be deleted, such as one that somebody has mapped on Windows, is left to the next checkpoint or opening, and the others go all the same.
    private void TryDelete(string name)
    {
        try
        {
            _storage.Delete(name);
        }
        catch (IOException)
        {
            // it stays
        }
    }
}
