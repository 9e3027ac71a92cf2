using System.Buffers.Binary;
using System.Text;
using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>Reads pieces of a backup, as <see cref="BackupPiece"/> says, into a storage. Nothing that a piece says about itself is trusted before it was checked.</summary>
/// <remarks>After an exception what is in the storage is of no use.</remarks>
internal sealed class BackupPieceReader(IStorage storage, EncryptionKey? key = null)
{
    private const string Incoming = "incoming.tmp";

    private readonly byte[] _buffer = new byte[FileCopy.PartBytes];
    private Stream _source = Stream.Null;
    private string _place = ""; // of the stream, for messages
    private long _at;           // in the stream
    private uint _total;        // checksum of the piece so far
    private int _pieces;
    private (long First, long Last)? _commits; // of the incremental piece so far
    private Manifest? _manifest;
    private LogTail? _tail;

    /// <summary>When the full backup was begun; null before it was read.</summary>
    public DateTimeOffset? Time { get; private set; }

    /// <summary>Takes all pieces of a stream.</summary>
    /// <exception cref="DatabaseCorruptException">The stream is damaged or ends too soon.</exception>
    /// <exception cref="DatabaseException">The pieces are not of one database, or some are missing.</exception>
    public async Task ReadAsync(Stream source, string place, CancellationToken cancellationToken)
    {
        (_source, _place, _at) = (source, place, 0);
        while (await TryReadPieceAsync(cancellationToken).ConfigureAwait(false))
        {
            _pieces++;
        }

        if (_at == 0)
        {
            throw Corrupt("The stream is empty: there is no backup in it.", 0);
        }
    }

    private async Task<bool> TryReadPieceAsync(CancellationToken cancellationToken)
    {
        (_total, _commits) = (0, null);
        var start = _at;
        var header = new byte[BackupPiece.HeaderBytes];
        var read = await _source.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (read == 0)
        {
            return false;
        }

        (_at, _total) = (start + read, Crc32C.Compute(header.AsSpan(0, read)));
        var (isFull, database, after, sequence, time) = ReadHeader(header.AsSpan(0, read), start);
        if (isFull != (_pieces == 0))
        {
            throw new DatabaseException(isFull
                ? $"The {_place} has a second full backup at byte {start}; what follows a full one must be incremental. Give one full backup and what was made after it."
                : $"The {_place} begins with an incremental backup, which follows commit {after}. Give the full one first.");
        }

        if (!isFull)
        {
            Follow(database, after, sequence);
        }

        var entries = 0;
        long bytes = 0;
        while (await ReadEntryAsync(isFull, entries, bytes, cancellationToken).ConfigureAwait(false) is { } length)
        {
            (entries, bytes) = (entries + 1, bytes + length);
        }

        if (isFull)
        {
            Begin(database, start);
            Time = time;
            return _tail!.Sequence == sequence ? true : throw Corrupt($"The backup is said to end with commit {sequence}, but ends with {_tail.Sequence}.", start + 48);
        }

        // The same piece may come twice, or after one that goes further, so what is there by now does not tell.
        var (first, last) = _commits ?? (after + 1, after);
        return (first, last) == (after + 1, sequence) ? true : throw Corrupt($"The backup is said to hold commits {after + 1} to {sequence}, but holds {first} to {last}.", start + 40);
    }

    private (bool IsFull, Guid Database, long After, long Sequence, DateTimeOffset Time) ReadHeader(Span<byte> header, long start)
    {
        if (header.Length < BackupPiece.HeaderBytes || !header[..8].SequenceEqual(BackupPiece.Magic))
        {
            throw Corrupt("This is not a backup: its first bytes are not ABIBAK01, or it ends within its header.", start);
        }

        if (BinaryPrimitives.ReadInt32LittleEndian(header[8..]) is var version && version != BackupPiece.Version)
        {
            throw Corrupt($"The backup has format version {version}; this program reads version {BackupPiece.Version}. Restore it with the program that wrote it.", start + 8);
        }

        var checksum = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        header.Slice(12, 4).Clear();
        if (Crc32C.Compute(header) != checksum || BinaryPrimitives.ReadInt32LittleEndian(header[16..]) is not (BackupPiece.Full or BackupPiece.Incremental))
        {
            throw Corrupt("The checksum of the backup's header does not match.", start);
        }

        var time = BinaryPrimitives.ReadInt64LittleEndian(header[56..]);
        return (BinaryPrimitives.ReadInt32LittleEndian(header[16..]) == BackupPiece.Full, new Guid(header.Slice(24, 16)),
            BinaryPrimitives.ReadInt64LittleEndian(header[40..]), BinaryPrimitives.ReadInt64LittleEndian(header[48..]),
            time >= 0 && time <= DateTimeOffset.MaxValue.UtcTicks ? new DateTimeOffset(time, TimeSpan.Zero) : throw Corrupt("The backup says no time that there is.", start + 56));
    }

    private void Follow(Guid database, long after, long sequence)
    {
        if (database != _manifest!.DatabaseId)
        {
            throw new DatabaseException($"The {_place} is a backup of database {database:N}, but what it is to follow is one of {_manifest.DatabaseId:N}. Give backups of one database.");
        }

        if (after > _tail!.Sequence)
        {
            throw new DatabaseException($"Backups are missing: the {_place} holds commits {after + 1} to {sequence}, but those before it end with commit {_tail.Sequence}. Give what lies between.");
        }
    }

    // The file of an entry gets its name only when its checksum was right.
    private async Task<long?> ReadEntryAsync(bool isFull, int entries, long bytes, CancellationToken cancellationToken)
    {
        var start = _at;
        var head = new byte[BackupPiece.EntryBytes];
        await FillAsync(head, cancellationToken).ConfigureAwait(false);
        if (head.AsSpan(0, 4).SequenceEqual(BackupPiece.End))
        {
            var total = _total;
            var isRight = BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(4)) == entries && BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(8)) == bytes;
            return await ReadChecksumAsync(cancellationToken).ConfigureAwait(false) == total && isRight ? null : throw Corrupt("The checksum of the whole backup does not match.", start);
        }

        var nameLength = BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(4));
        var length = BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(8));
        if (!head.AsSpan(0, 4).SequenceEqual(BackupPiece.File) || nameLength is < 1 or > BackupPiece.LongestName || length < 0)
        {
            throw Corrupt("The backup is damaged: neither a file nor its end stands here.", start);
        }

        var name = new byte[nameLength];
        await FillAsync(name, cancellationToken).ConfigureAwait(false);
        if (await ReadChecksumAsync(cancellationToken).ConfigureAwait(false) != Crc32C.Compute(name, Crc32C.Compute(head)))
        {
            throw Corrupt("The backup is damaged: the checksum of a file's name and length does not match.", start);
        }

        await ReadContentAsync(Encoding.ASCII.GetString(name), length, isFull, start, cancellationToken).ConfigureAwait(false);
        return length;
    }

    private async Task ReadContentAsync(string name, long length, bool isFull, long start, CancellationToken cancellationToken)
    {
        if (!BackupPiece.IsName(name) || (isFull ? storage.Exists(name) : LogFormat.Number(name) < 0))
        {
            throw Corrupt($"The backup has a file '{name}', which it cannot have here, or twice.", start);
        }

        if (storage.Exists(Incoming))
        {
            storage.Delete(Incoming);
        }

        using (var file = storage.Open(Incoming, create: true))
        {
            var checksum = 0u;
            for (long at = 0; at < length;)
            {
                var part = _buffer.AsMemory(0, (int)Math.Min(_buffer.Length, length - at));
                await FillAsync(part, cancellationToken).ConfigureAwait(false);
                checksum = Crc32C.Compute(part.Span, checksum);
                file.Write(at, part.Span);
                at += part.Length;
            }

            if (await ReadChecksumAsync(cancellationToken).ConfigureAwait(false) != checksum)
            {
                throw Corrupt($"The backup is damaged: the checksum of '{name}' does not match.", start);
            }

            file.Flush();
        }

        if (isFull)
        {
            storage.Rename(Incoming, name);
        }
        else
        {
            var segment = LogSegment.Read(storage, _manifest!.DatabaseId, LogFormat.Number(name), Incoming);
            _commits = (_commits?.First ?? segment.FirstSequence, segment.LastSequence);
            _tail!.Append(segment);
        }
    }

    private void Begin(Guid database, long start)
    {
        storage.Encryption = storage.Exists(KeyFile.Name) ? KeyFile.Open(storage, key, 0) : null;
        if (Verification.Run(storage) is { IsSound: false } report)
        {
            throw Corrupt(string.Join(' ', report.Problems), start);
        }

        _manifest = Manifest.Read(storage);
        _tail = new LogTail(storage, _manifest);
        if (_manifest.DatabaseId != database)
        {
            throw Corrupt($"The backup is said to be of database {database:N}, but its manifest is of {_manifest.DatabaseId:N}.", start + 24);
        }
    }

    private async Task<uint> ReadChecksumAsync(CancellationToken cancellationToken)
    {
        var bytes = new byte[4];
        await FillAsync(bytes, cancellationToken).ConfigureAwait(false);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    private async Task FillAsync(Memory<byte> bytes, CancellationToken cancellationToken)
    {
        var read = await _source.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        _at += read;
        if (read < bytes.Length)
        {
            throw Corrupt("The backup ends here, before its end mark: it was cut off. Copy it again, or use another one.", _at);
        }

        _total = Crc32C.Compute(bytes.Span, _total);
    }

    private DatabaseCorruptException Corrupt(string message, long at) => new(message, _place, at);
}
