using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Abi.Database.Encryption;

/// <summary>
/// Seals the payloads of the frames of one log segment: writer [16], ciphertext, tag [16]. The key comes from the data key, the database, the segment's number and the writer, 128 bits that are drawn
/// each time somebody begins or goes on writing a segment; the nonce is the frame's offset. The tag covers the frame's header besides, which stands in the clear so that the end of the log is found as in a plain one.
/// </summary>
/// <remarks>For one thread at a time.</remarks>
internal sealed class LogCipher : IDisposable
{
    private const int WriterBytes = 16;

    /// <summary>By how much a payload grows.</summary>
    public const int OverheadBytes = WriterBytes + AuthenticatedCipher.TagBytes;

    private readonly StorageEncryption _encryption;
    private readonly byte[] _context = new byte[24]; // database [16], number i64
    private readonly Dictionary<UInt128, AuthenticatedCipher> _ciphers = [];
    private byte[]? _writer;
    private int _sealedBelow; // offsets below were used

    private LogCipher(StorageEncryption encryption, Guid database, long number)
    {
        _encryption = encryption;
        database.TryWriteBytes(_context);
        BinaryPrimitives.WriteInt64LittleEndian(_context.AsSpan(16), number);
    }

    /// <summary>The cipher of a segment; null for a plain database.</summary>
    public static LogCipher? Of(StorageEncryption? encryption, Guid database, long number) => encryption is null ? null : new LogCipher(encryption, database, number);

    /// <summary>Seals a payload.</summary>
    /// <param name="offset">The frame's offset: greater than any before.</param>
    /// <param name="header">What the tag covers of the frame's header.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="target">As long as the payload and <see cref="OverheadBytes"/>.</param>
    public void Seal(int offset, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, Span<byte> target)
    {
        if (offset < _sealedBelow)
        {
            throw new InvalidOperationException($"A frame at {offset} was sealed before; a frame is never written twice.");
        }

        _sealedBelow = offset + 1;
        _writer ??= RandomNumberGenerator.GetBytes(WriterBytes);
        _writer.CopyTo(target);
        Cipher(_writer).Seal((ulong)offset, header, payload, target[WriterBytes..]);
    }

    /// <summary>Opens a payload where it stands.</summary>
    /// <returns>False when it was not sealed by this database for this place.</returns>
    public bool TryOpen(int offset, ReadOnlySpan<byte> header, Span<byte> stored, out ReadOnlySpan<byte> payload)
    {
        payload = [];
        if (stored.Length < OverheadBytes)
        {
            return false;
        }

        var plain = stored[WriterBytes..^AuthenticatedCipher.TagBytes];
        if (!Cipher(stored[..WriterBytes]).TryOpen((ulong)offset, header, stored[WriterBytes..], plain))
        {
            return false;
        }

        payload = plain;
        return true;
    }

    public void Dispose()
    {
        foreach (var cipher in _ciphers.Values)
        {
            cipher.Dispose();
        }

        _ciphers.Clear();
    }

    private AuthenticatedCipher Cipher(ReadOnlySpan<byte> writer)
    {
        var id = BinaryPrimitives.ReadUInt128LittleEndian(writer);
        if (!_ciphers.TryGetValue(id, out var cipher))
        {
            _ciphers[id] = cipher = _encryption.Derive(writer, "abi/log/1", _context);
        }

        return cipher;
    }
}
