#pragma warning disable MA0048 // a part of DatabaseEngine
using Abi.Database.Backup;
using Abi.Database.Encryption;
using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Engine;

/// <content>Backup, verification, compaction.</content>
internal sealed partial class DatabaseEngine
{
    /// <summary>
    /// Copies the database into a folder of backups while commits go on, and then deletes the chains there that are not to be kept. When there is a sound chain of the same database and the log since is
    /// kept, only that log is added to it, unless a full backup is wanted.
    /// </summary>
    public BackupReport Backup(IStorage root, BackupOptions options)
    {
        EnterFiles();
        try
        {
            using var folder = new BackupFolder(root, _manifest.DatabaseId);
            using var newest = folder.OpenNewest();
            newest?.Encryption = _storage.Encryption;
            using var source = OpenSource(manifest => options.IsFull || newest is null ? null : FolderBackup.FirstSegment(_storage, manifest, newest), checksFiles: false);
            if (source.Manifest.DatabaseId != _manifest.DatabaseId)
            {
                throw new DatabaseException($"The process that writes to {_storage.Folder} has salvaged it, so that it is another database by now. Open it again.");
            }

            var time = Now; // not before the last commit that the source has
            using var begun = source.IsIncremental ? null : folder.Begin(time);
            begun?.Encryption = _storage.Encryption;
            var target = begun ?? newest!;
            BackupReport report;
            try
            {
                report = FolderBackup.Write(source, new ThrottledStorage(target, _throttle));
            }
            catch
            {
                folder.Abandon();
                throw;
            }

            NoteBackup(time, source.LastSegment);
            try
            {
                report = report with { DeletedChains = folder.Prune(options, time) };
                if (begun is not null && newest is not null && newest.Exists(Manifest.FileName))
                {
                    Lengthen(newest);
                }
            }
            catch (Exception error) when (error is AbiException or IOException)
            {
                throw new DatabaseException($"The backup at {target.Folder} is whole, up to commit {report.Sequence}; but earlier ones in {root.Folder} could not be deleted, or the one before not be lengthened up to it: {error.Message} Remove the cause; the next backup does it.", error);
            }

            return report;
        }
        finally
        {
            _checkpointGate.Release();
        }
    }

    /// <summary>Writes a piece of a backup to a stream while commits go on: all, or the log after a commit.</summary>
    public async Task<BackupReport> BackupAsync(Stream target, long? after, CancellationToken cancellationToken)
    {
        await _checkpointGate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
            // what fails later is the stream, whose exceptions are the caller's
            using var source = await Task.Run(() => OpenSource(manifest => after is { } commit ? FirstSegmentAfter(manifest, commit) : null, checksFiles: true), cancellationToken)
                .TellDiskFailure($"The database {_storage.Folder} could not be backed up").ConfigureAwait(false);
            var time = Now; // not before the last commit that the source has
            if (after > source.Sequence)
            {
                throw new DatabaseException($"The database ends with commit {source.Sequence}, so nothing of it can follow commit {after}. Give the Sequence of the backup before, of this very database.");
            }

            var report = await BackupPieceWriter.WriteAsync(source, target, _throttle, time, ended.Token).ConfigureAwait(false);
            if (!source.IsIncremental)
            {
                NoteBackup(time, source.LastSegment);
            }

            return report;
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(VectorDatabase), "The database was closed before the backup was whole.");
        }
        finally
        {
            _checkpointGate.Release();
        }
    }

    /// <summary>Reads and checks every byte of the files and of the log up to the last commit. Commits go on meanwhile; only checkpoints wait.</summary>
    public VerificationReport Verify()
    {
        EnterFiles();
        try
        {
            var last = Sequence;
            var report = Verification.Run(_storage, last);
            return report.Sequence >= last || !report.IsSound ? report : report with
            {
                Problems = [$"The log ends with commit {report.Sequence}, but {last} was acknowledged: the frame of sequence {report.Sequence + 1} is damaged. Make a backup while the database is open, or open it with RecoveryMode.Salvage to keep what goes before. ({_storage.Folder})"],
            };
        }
        finally
        {
            _checkpointGate.Release();
        }
    }

    /// <summary>Writes every collection anew, without what was deleted, and goes on with the new files. Writes wait while what they changed in the end is taken over; reads do not.</summary>
    public void Compact()
    {
        RequireWriting();
        EnterFiles();
        try
        {
            foreach (var handle in _byId.Values)
            {
                handle.IsDirty = true;
            }

            WriteAndRenew(isClosing: false, written =>
            {
                foreach (var saved in written.Where(saved => !saved.Handle.IsDropped))
                {
                    Renew(saved);
                }
            });
        }
        finally
        {
            _checkpointGate.Release();
        }
    }

    /// <summary>Lets another key open the database. Only the file of keys is written; after a crash at any point one of both keys opens it.</summary>
    /// <exception cref="DatabaseKeyException">The database is not encrypted.</exception>
    public void ChangeKey(EncryptionKey key)
    {
        RequireWriting();
        EnterFiles();
        try
        {
            var encryption = _storage.Encryption
                ?? throw new DatabaseKeyException($"The database {_storage.Folder} is not encrypted, so it has no key to change. To encrypt it, make a backup and restore that with {nameof(RestoreOptions)}.{nameof(RestoreOptions.EncryptionKey)}.", DatabaseKeyProblem.NotEncrypted);
            KeyFile.Write(_storage, encryption, key);
        }
        finally
        {
            _checkpointGate.Release();
        }
    }

    /// <summary>Writes what is in memory into an empty storage, as a database of its own: how one becomes encrypted.</summary>
    /// <returns>The last commit.</returns>
    public long WriteTo(IStorage target, RestoreOptions limits)
    {
        RequireCommit(limits);
        const int Generation = 1;
        List<ManifestEntry> entries = [];
        foreach (var handle in _byId.Values)
        {
            entries.Add(Save(target, handle.Store, Generation));
        }

        new Manifest(Guid.NewGuid(), Generation, Sequence, 1, _nextCollectionId, entries).Write(target);
        return Sequence;
    }

    /// <summary>Makes a database out of a backup's files, up to a commit, and closes it again.</summary>
    public static long Restore(IStorage storage, DatabaseOptions options, RestoreOptions limits)
    {
        using var engine = new DatabaseEngine(storage, options, limits, storage.Encryption);
        engine.RequireCommit(limits);
        return engine.Sequence;
    }

    private void RequireCommit(RestoreOptions limits)
    {
        if (Sequence < limits.ToSequence)
        {
            throw new DatabaseException($"Commit {limits.ToSequence} is not there: the log ends with commit {Sequence}. Give a later backup, or the archive of the log.");
        }
    }

    // The chain before a new one gets the log up to there, where it is kept, so that moments between its last backup and the new one can be restored.
    private void Lengthen(IStorage chain)
    {
        using var source = OpenSource(manifest => FolderBackup.FirstSegment(_storage, manifest, chain), checksFiles: false);
        if (source.IsIncremental)
        {
            FolderBackup.Write(source, new ThrottledStorage(chain, _throttle));
        }
    }

    private BackupSource OpenSource(Func<Manifest, long?> chooseFirst, bool checksFiles)
    {
        if (IsReadOnly)
        {
            return Retry(() => BackupSource.TryOfReader(_storage, chooseFirst, checksFiles) ?? throw new IOException($"The process that writes to {_storage.Folder} makes checkpoints faster than a backup can follow. Try again, or let that process make its backups."));
        }

        Manifest manifest;
        long lastSegment, sequence;
        lock (_commitGate)
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
            _log!.Rotate(_sequence + 1);
            (manifest, lastSegment, sequence) = (_manifest, _log.Segment - 1, _sequence);
        }

        _archiver?.Notice(lastSegment + 1);
        if (checksFiles && Manifest.Read(_storage).Generation != manifest.Generation)
        {
            manifest.Write(_storage); // a checkpoint failed after its own had got its name, which names other files
        }

        return BackupSource.OfWriter(_storage, manifest, chooseFirst(manifest), lastSegment, sequence, checksFiles);
    }

    // The first segment that holds a commit after another, and those without any beside it.
    private long FirstSegmentAfter(Manifest manifest, long commit)
    {
        var numbers = LogSegment.NumbersIn(_storage);
        var (first, begins) = (-1L, long.MaxValue);
        for (var i = numbers.Count - 1; i >= 0 && (first < 0 || numbers[i] == first - 1); i--)
        {
            if (LogSegment.ReadFirstSequence(_storage, manifest.DatabaseId, numbers[i]) is var sequence && sequence <= commit && begins == commit + 1)
            {
                break;
            }

            (first, begins) = (numbers[i], sequence);
            if (sequence <= commit)
            {
                break;
            }
        }

        return begins <= commit + 1
            ? first
            : throw new DatabaseException($"The log after commit {commit} is not kept: what there is begins with commit {begins}. Make a full backup: incremental ones need DatabaseOptions.KeepLog, and none goes on across a salvage.");
    }
}
