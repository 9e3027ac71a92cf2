#pragma warning disable MA0048 // a part of DatabaseEngine
using Abi.Database.Backup;
using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Engine;

/// <content>Backup, verification, compaction.</content>
internal sealed partial class DatabaseEngine
{
    /// <summary>
    /// Copies the database into a storage while commits go on. When an earlier backup of the same database is there and the log since is kept, only that log is copied: the backup
    /// can then be restored to any commit since its first.
    /// </summary>
    public BackupReport Backup(IStorage target)
    {
        EnterFiles();
        try
        {
            Manifest manifest;
            long lastSegment, sequence;
            lock (_commitGate)
            {
                if (_log is null)
                {
                    throw new DatabaseException($"The database {_storage.Folder} was opened read-only; the process that writes makes its backups.");
                }

                _log.Rotate(_sequence + 1);
                (manifest, lastSegment, sequence) = (_manifest, _log.Segment - 1, _sequence);
            }

            var (files, bytes) = (0, 0L);
            var isIncremental = CanContinue(target, manifest, out var firstSegment);
            List<string> names = isIncremental ? [] : [.. manifest.Files()];
            for (var segment = isIncremental ? firstSegment : manifest.FirstLogSegment; segment <= lastSegment; segment++)
            {
                names.Add(LogFormat.Name(segment));
            }

            if (!isIncremental && target.Exists(Manifest.FileName))
            {
                // Without its manifest an old backup is none: better than half of two.
                target.Delete(Manifest.FileName);
                target.FlushFolder();
                foreach (var old in target.List().Where(name => LogFormat.Number(name) >= 0))
                {
                    target.Delete(old);
                }
            }

            foreach (var name in names)
            {
                if (!isIncremental && LogFormat.Number(name) < 0 && FileCopy.IsThere(_storage, target, name))
                {
                    continue;
                }

                bytes += FileCopy.Copy(_storage, target, name);
                files++;
            }

            target.FlushFolder();
            if (!isIncremental)
            {
                manifest.Write(target);
                HashSet<string> known = [.. manifest.Files()];
                foreach (var name in target.List().Where(name => (name.StartsWith("rows-", StringComparison.Ordinal) || name.StartsWith("graph-", StringComparison.Ordinal)) && !known.Contains(name)))
                {
                    target.Delete(name);
                }
            }

            var report = Verification.Run(target);
            return report.IsSound && report.Sequence == sequence
                ? new BackupReport(sequence, files, bytes, isIncremental)
                : throw new DatabaseException($"The backup at {target.Folder} is not sound: {string.Join(' ', report.Problems.Append($"it ends with commit {report.Sequence} of {sequence}."))} Make it again in an empty folder.");
        }
        finally
        {
            _checkpointGate.Release();
        }
    }

    /// <summary>Reads and checks every byte of the files and the log.</summary>
    public VerificationReport Verify()
    {
        EnterFiles();
        try
        {
            lock (_commitGate)
            {
                return Verification.Run(_storage);
            }
        }
        finally
        {
            _checkpointGate.Release();
        }
    }

    /// <summary>Writes every collection anew, without what was deleted, and goes on with the new files. Writes wait; reads do not.</summary>
    public void Compact()
    {
        EnterFiles();
        try
        {
            lock (_commitGate)
            {
                foreach (var handle in _byId.Values)
                {
                    handle.IsDirty = true;
                }

                WriteCheckpoint(isClosing: false);
                foreach (var handle in _byId.Values)
                {
                    if (handle is { StoreOrNull: not null, Saved.Rows: { } rows })
                    {
                        handle.Set(Rows.CollectionStore.Load(handle.Schema, _storage, rows, handle.Saved.Graphs, handle.Saved.Sequence, IndexThreads, _ => { }));
                    }
                }
            }
        }
        finally
        {
            _checkpointGate.Release();
        }

        foreach (var handle in _byId.Values)
        {
            Maintain(handle);
        }
    }

    /// <summary>Makes a database out of a backup's files, up to a commit, and closes it again.</summary>
    public static long Restore(IStorage storage, DatabaseOptions options, RestoreOptions limits)
    {
        using var engine = new DatabaseEngine(storage, options, limits);
        engine.Checkpoint();
        return engine.Sequence;
    }

    private bool CanContinue(IStorage target, Manifest manifest, out long firstSegment)
    {
        firstSegment = 0;
        if (!target.Exists(Manifest.FileName))
        {
            return false;
        }

        try
        {
            var old = Manifest.Read(target);
            if (old.DatabaseId != manifest.DatabaseId || !Verification.Run(target).IsSound)
            {
                return false;
            }

            firstSegment = old.FirstLogSegment;
            while (target.Exists(LogFormat.Name(firstSegment)))
            {
                firstSegment++;
            }

            return _storage.Exists(LogFormat.Name(firstSegment)) && firstSegment > old.FirstLogSegment;
        }
        catch (DatabaseCorruptException)
        {
            return false; // a damaged backup is replaced
        }
    }
}
