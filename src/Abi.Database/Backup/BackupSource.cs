using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>
/// What a backup is made of: the files of one manifest, held open so that nobody can take them away, and the log that belongs to them up to a commit.
/// </summary>
internal sealed class BackupSource : IDisposable
{
    private readonly IStorage _storage;
    private readonly List<(string Name, IStorageFile File)> _files = [];
    private IReadOnlyList<LogSegment>? _read; // of a reader

    private BackupSource(IStorage storage, Manifest manifest, long? firstSegment, long lastSegment, long sequence)
    {
        (_storage, Manifest, LastSegment, Sequence) = (storage, manifest, lastSegment, sequence);
        Keys = storage.Encryption is null ? null : KeyFile.Read(storage);
        (IsIncremental, FirstSegment) = (firstSegment is not null, firstSegment ?? manifest.FirstLogSegment);
    }

    public Manifest Manifest { get; }

    /// <summary>The manifest's file and those that it names; none for an incremental backup.</summary>
    public IReadOnlyList<(string Name, IStorageFile File)> Files => _files;

    /// <summary>The file of keys of an encrypted database; null of a plain one.</summary>
    public byte[]? Keys { get; }

    public bool IsIncremental { get; }

    /// <summary>The first segment; more than the last when there is none.</summary>
    public long FirstSegment { get; }

    public long LastSegment { get; }

    /// <summary>The last commit.</summary>
    public long Sequence { get; private set; }

    /// <summary>The segments, ascending, each read when its turn comes.</summary>
    public IEnumerable<LogSegment> Log => _read ?? ReadFinished();

    /// <summary>The commit that an incremental backup follows: the last before its first segment.</summary>
    public long After { get; private set; }

    /// <summary>What the writer holds still: it makes no checkpoint while this is used, and the last segment is over.</summary>
    /// <param name="storage">Where it is.</param>
    /// <param name="manifest">The manifest.</param>
    /// <param name="firstSegment">The first segment of an incremental backup; null for a full one.</param>
    /// <param name="lastSegment">The last segment.</param>
    /// <param name="sequence">The last commit.</param>
    /// <param name="checksFiles">Whether every page of the files is checked first: where the backup itself cannot be.</param>
    public static BackupSource OfWriter(IStorage storage, Manifest manifest, long? firstSegment, long lastSegment, long sequence, bool checksFiles)
    {
        var source = new BackupSource(storage, manifest, firstSegment, lastSegment, sequence);
        try
        {
            source.OpenFiles(checksFiles);
            source.After = source.FirstSegment > lastSegment ? sequence : LogSegment.ReadFirstSequence(storage, manifest.DatabaseId, source.FirstSegment) - 1;
            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>
    /// What there is beside a process that writes. That process may take segments away at any moment, so the log is held in memory, and what was read counts only
    /// if the manifest was the same before and after.
    /// </summary>
    /// <param name="storage">Where it is.</param>
    /// <param name="chooseFirst">Gives the first segment of an incremental backup, or null for a full one.</param>
    /// <param name="checksFiles">Whether every page of the files is checked first: where the backup itself cannot be.</param>
    /// <returns>Null when a checkpoint came in between: try again.</returns>
    public static BackupSource? TryOfReader(IStorage storage, Func<Manifest, long?> chooseFirst, bool checksFiles)
    {
        var manifest = Manifest.Read(storage);
        BackupSource? source = null;
        try
        {
            var numbers = LogSegment.NumbersIn(storage);
            source = new BackupSource(storage, manifest, chooseFirst(manifest), numbers.Count > 0 ? numbers[^1] : manifest.FirstLogSegment - 1, manifest.Sequence);
            source.OpenFiles(checksFiles);
            source.ReadLog();
            if (Manifest.Read(storage).Generation == manifest.Generation)
            {
                return source;
            }
        }
        catch (Exception error) when (error is DatabaseCorruptException or IOException && Manifest.Read(storage).Generation != manifest.Generation)
        {
            // It was taken away while it was read.
        }
        catch
        {
            source?.Dispose();
            throw;
        }

        source?.Dispose();
        return null;
    }

    public void Dispose() => _files.ForEach(file => file.File.Dispose());

    private void OpenFiles(bool checksFiles)
    {
        if (IsIncremental)
        {
            return;
        }

        foreach (var name in Manifest.Files().Prepend(Manifest.FileName))
        {
            _files.Add((name, _storage.OpenRead(name)));
        }

        if (checksFiles)
        {
            Verification.CheckFiles(_storage, Manifest);
        }
    }

    private void ReadLog()
    {
        List<LogSegment> log = [];
        for (var number = FirstSegment; number <= LastSegment; number++)
        {
            log.Add(number < LastSegment ? LogSegment.ReadFinished(_storage, Manifest.DatabaseId, number) : LogSegment.Read(_storage, Manifest.DatabaseId, number));
        }

        _read = log;
        Sequence = log.Count > 0 ? Math.Max(Sequence, log[^1].LastSequence) : Sequence;
        After = log.Count > 0 ? log[0].FirstSequence - 1 : Sequence;
    }

    private IEnumerable<LogSegment> ReadFinished()
    {
        for (var number = FirstSegment; number <= LastSegment; number++)
        {
            yield return LogSegment.ReadFinished(_storage, Manifest.DatabaseId, number);
        }
    }
}
