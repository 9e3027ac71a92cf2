using System.Buffers.Binary;
using Abi.Database.Encryption;
using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>Writes a piece of a backup, as <see cref="BackupPiece"/> says.</summary>
internal sealed class BackupPieceWriter
{
    private readonly Stream _target;
    private readonly WriteThrottle _throttle;
    private readonly CancellationToken _cancellationToken;
    private uint _total; // checksum of all that was written
    private int _entries;
    private long _contentBytes;

    private BackupPieceWriter(Stream target, WriteThrottle throttle, CancellationToken cancellationToken) => (_target, _throttle, _cancellationToken) = (target, throttle, cancellationToken);

    /// <summary>Writes a piece and flushes the stream.</summary>
    public static async Task<BackupReport> WriteAsync(BackupSource source, Stream target, WriteThrottle throttle, long time, CancellationToken cancellationToken)
    {
        var writer = new BackupPieceWriter(target, throttle, cancellationToken);
        await writer.PutAsync(BackupPiece.Header(source, time)).ConfigureAwait(false);
        foreach (var segment in source.Log)
        {
            await writer.PutAsync(LogFormat.Name(segment.Number), segment.Bytes).ConfigureAwait(false);
        }

        if (source is { Keys: { } keys, IsIncremental: false })
        {
            await writer.PutAsync(KeyFile.Name, keys).ConfigureAwait(false);
        }

        foreach (var (name, file) in source.Files)
        {
            await writer.PutAsync(name, file).ConfigureAwait(false);
        }

        await writer.PutEndAsync().ConfigureAwait(false);
        await target.FlushAsync(cancellationToken).ConfigureAwait(false);
        return new BackupReport(source.Sequence, writer._entries, writer._contentBytes, source.IsIncremental);
    }

    private async Task PutAsync(string name, ReadOnlyMemory<byte> content)
    {
        await BeginAsync(name, content.Length).ConfigureAwait(false);
        for (var at = 0; at < content.Length; at += FileCopy.PartBytes)
        {
            await PutAsync(content.Slice(at, Math.Min(FileCopy.PartBytes, content.Length - at))).ConfigureAwait(false);
        }

        await PutChecksumAsync(Crc32C.Compute(content.Span)).ConfigureAwait(false);
    }

    private async Task PutAsync(string name, IStorageFile file)
    {
        var (length, checksum) = (file.Length, 0u);
        await BeginAsync(name, length).ConfigureAwait(false);
        var buffer = new byte[FileCopy.PartBytes];
        for (long at = 0; at < length;)
        {
            var part = buffer.AsMemory(0, (int)Math.Min(buffer.Length, length - at));
            if (file.Read(at, part.Span) != part.Length)
            {
                throw new IOException($"{name} became shorter while it was read.");
            }

            checksum = Crc32C.Compute(part.Span, checksum);
            await PutAsync(part).ConfigureAwait(false);
            at += part.Length;
        }

        await PutChecksumAsync(checksum).ConfigureAwait(false);
    }

    private Task BeginAsync(string name, long length)
    {
        _entries++;
        _contentBytes += length;
        return PutAsync(BackupPiece.Entry(name, length));
    }

    private Task PutEndAsync()
    {
        var end = new byte[BackupPiece.EndBytes];
        BackupPiece.End.CopyTo(end);
        BinaryPrimitives.WriteInt32LittleEndian(end.AsSpan(4), _entries);
        BinaryPrimitives.WriteInt64LittleEndian(end.AsSpan(8), _contentBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(end.AsSpan(16), Crc32C.Compute(end.AsSpan(0, 16), _total));
        return PutAsync(end);
    }

    private Task PutChecksumAsync(uint checksum)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, checksum);
        return PutAsync(bytes);
    }

    private async Task PutAsync(ReadOnlyMemory<byte> bytes)
    {
        await _throttle.WaitAsync(bytes.Length, _cancellationToken).ConfigureAwait(false);
        await _target.WriteAsync(bytes, _cancellationToken).ConfigureAwait(false);
        _total = Crc32C.Compute(bytes.Span, _total);
    }
}
