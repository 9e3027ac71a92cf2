using Abi.Database.Encryption;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>
/// The file <c>abi.backups</c>: which backups were made that the log can be added to, so that <see cref="DatabaseOptions.LogRetention"/> keeps what they need. Replaced whole.
/// [ "ABIBKL01", version i32, crc u32 of all that follows, database id [16], for each backup: when i64 (UTC ticks), the last segment of the log that it has i64 ], oldest first.
/// </summary>
/// <remarks>For one thread at a time.</remarks>
internal sealed class BackupList
{
    public const string FileName = "abi.backups";
    private const int EntryBytes = 16;
    private const int Most = 4096;

    private static readonly SmallFile Format = new("ABIBKL01", 1, "a list of backups", "It is made anew.");

    private readonly IStorage _storage;
    private readonly Guid _database;
    private readonly List<(long Time, long Segment)> _backups = [];

    /// <summary>Reads the list; a damaged one, or one of another database, is empty: then no log is deleted until there is a backup again.</summary>
    public BackupList(IStorage storage, Guid database)
    {
        (_storage, _database) = (storage, database);
        if (!storage.Exists(FileName))
        {
            return;
        }

        var reader = new ByteReader(Read(storage));
        if (reader.Left < 16 || new Guid(reader.Bytes(16)) != database)
        {
            return;
        }

        while (reader.Left >= EntryBytes)
        {
            _backups.Add((reader.Int64(), reader.Int64()));
        }
    }

    /// <summary>Adds a backup and makes the list durable.</summary>
    /// <param name="time">When it was made: UTC ticks.</param>
    /// <param name="segment">The last segment of the log that it has.</param>
    /// <param name="oldest">The moment up to which the database can be restored to any: of the backups before that the newest is kept.</param>
    public void Add(long time, long segment, long oldest)
    {
        _backups.Add((time, segment));
        _backups.RemoveRange(0, Math.Max(0, _backups.FindLastIndex(backup => backup.Time <= oldest)));
        if (_backups.Count > Most)
        {
            // Without one of two the log is kept from an earlier one on: more than is needed, never less.
            var index = 0;
            _backups.RemoveAll(_ => index++ % 2 == 1 && index < Most);
        }

        Write();
    }

    /// <summary>The first segment that a restore to any moment since <paramref name="oldest"/> may need; 0 when no backup is known.</summary>
    public long FirstNeeded(long oldest) => _backups.Count == 0 ? 0 : _backups[Math.Max(0, _backups.FindLastIndex(backup => backup.Time <= oldest))].Segment + 1;

    // The content; none of a damaged one.
    private static ReadOnlySpan<byte> Read(IStorage storage)
    {
        try
        {
            using var file = storage.OpenContent(FileName);
            return Format.Read(file, SmallFile.HeaderBytes + 16 + (EntryBytes * Most), Path.Combine(storage.Folder, FileName)).AsSpan(SmallFile.HeaderBytes);
        }
        catch (DatabaseCorruptException)
        {
            return [];
        }
    }

    private void Write()
    {
        var writer = Format.Begin(16 + (EntryBytes * _backups.Count));
        _database.TryWriteBytes(writer.Take(16));
        foreach (var (time, segment) in _backups)
        {
            writer.Int64(time);
            writer.Int64(segment);
        }

        _storage.ReplaceContent(FileName, SmallFile.Seal(writer));
    }
}
