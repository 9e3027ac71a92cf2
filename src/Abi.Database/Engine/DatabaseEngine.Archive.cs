#pragma warning disable MA0048 // a part of DatabaseEngine
using Abi.Database.Backup;

namespace Abi.Database.Engine;

/// <content>The archive of the log, and how long log is kept.</content>
internal sealed partial class DatabaseEngine
{
    /// <summary>How far the archive is; null without one.</summary>
    public LogArchiveStatus? ArchiveStatus => _archiver?.Status;

    /// <summary>Ends the current segment and archives all that are not.</summary>
    /// <returns>The last archived commit.</returns>
    public long ArchiveLog()
    {
        if (_archiver is null)
        {
            throw new DatabaseException(IsReadOnly
                ? $"The database {_storage.Folder} was opened read-only; the process that writes archives its log."
                : "The database has no archive. Name a folder in DatabaseOptions.LogArchive.");
        }

        lock (_commitGate)
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
            _log!.Rotate(_sequence + 1);
        }

        return _archiver.Run() ?? throw new ObjectDisposedException(nameof(VectorDatabase), "The database was closed before its log was archived.");
    }

    // The moment from which on any can be restored.
    private long Oldest => Now - _options.LogRetention.GetValueOrDefault().Ticks;

    // From here on the log is needed: by the files of the manifest, by the archive that does not have it yet, or because it is to be kept.
    private long FirstKeptSegment(long firstOfManifest)
    {
        var first = Math.Min(firstOfManifest, _archiver is null ? long.MaxValue : _archiver.ArchivedThrough + 1);
        return !_options.KeepLog ? first
            : _backups is null ? 0
            : LogRetention.FirstKept(_storage, _manifest.DatabaseId, Math.Min(first, FirstNeededSegment()), Oldest);
    }

    private long FirstNeededSegment()
    {
        if (_backups is null)
        {
            return 0;
        }

        lock (_backups)
        {
            return _backups.FirstNeeded(Oldest);
        }
    }

    // Inside the gate of the files.
    private void NoteBackup(long time, long lastSegment)
    {
        if (_backups is null)
        {
            return;
        }

        try
        {
            lock (_backups)
            {
                _backups.Add(time, lastSegment, Oldest);
            }

            var keptFrom = FirstKeptSegment(_manifest.FirstLogSegment);
            lock (_commitGate)
            {
                DeleteLog(keptFrom);
            }

            _archiver?.Start();
        }
        catch (IOException)
        {
            // The backup is there all the same; what is not known to be superfluous stays.
        }
    }
}
