using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Abi.Database.Encryption;

namespace Abi.Database.Storage;

/// <summary>Reads a segment that <see cref="SegmentWriter"/> wrote. No byte of a section is given out before its page was checked.</summary>
internal sealed class SegmentReader : IDisposable
{
    private readonly IStorageFile _file;
    private readonly uint[] _checksums;
    private readonly long _tableOffset;
    private readonly Dictionary<long, (long Offset, long Length)> _sections = [];
    private bool _isVerified;

    public SegmentReader(IStorage storage, string name, int kind, uint? headerChecksum)
    {
        Name = name;
        Path = System.IO.Path.Combine(storage.Folder, name);
        if (!storage.Exists(name))
        {
            throw new DatabaseCorruptException("The file is missing, but the manifest names it. Put it back, or restore a backup.", Path);
        }

        _file = storage.OpenContent(name);
        try
        {
            var header = new byte[SegmentWriter.HeaderBytes];
            if (Read(0, header) != header.Length || !header.AsSpan(0, 8).SequenceEqual(SegmentWriter.Magic))
            {
                throw Corrupt("This is not a segment: its first bytes are not ABISEG01.", 0);
            }

            if (BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8)) is var version && version != SegmentWriter.Version)
            {
                throw Corrupt($"The segment has format version {version}; this program reads version {SegmentWriter.Version}.", 8);
            }

            var checksum = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(12));
            header.AsSpan(12, 4).Clear();
            if (Crc32C.Compute(header) != checksum || (headerChecksum ?? checksum) != checksum)
            {
                throw Corrupt("The checksum of the header does not match.", 0);
            }

            if (BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(16)) != kind)
            {
                throw Corrupt($"The segment is of kind {BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(16))}; {kind} was expected.", 16);
            }

            _tableOffset = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(24));
            var length = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(32));
            var pages = (_tableOffset - SegmentWriter.HeaderBytes + SegmentWriter.PageBytes - 1) / SegmentWriter.PageBytes;
            if (_file.Length != length || _tableOffset < SegmentWriter.HeaderBytes || length != _tableOffset + (pages * 4) || pages > int.MaxValue / 4)
            {
                throw Corrupt($"The file has {_file.Length} bytes; {length} were written.", 32);
            }

            _checksums = new uint[pages];
            _ = Read(_tableOffset, MemoryMarshal.AsBytes(_checksums.AsSpan()));
            if (Crc32C.Compute(MemoryMarshal.AsBytes(_checksums.AsSpan())) != BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(40)))
            {
                throw Corrupt("The checksum of the page table does not match.", _tableOffset);
            }

            ReadSections(header);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public string Name { get; }

    public string Path { get; }

    /// <summary>The offset and length of a section; a length of 0 when there is none.</summary>
    public (long Offset, long Length) Section(long id) => _sections.GetValueOrDefault(id);

    /// <summary>Checks every page.</summary>
    /// <exception cref="DatabaseCorruptException">Names the first page that is damaged.</exception>
    public void Verify()
    {
        if (_isVerified)
        {
            return;
        }

        var damaged = int.MaxValue;
        IOException? failure = null; // of the disk: damage like any other, only with a reason
        Parallel.For(0, (_checksums.Length + 63) / 64, () => new byte[SegmentWriter.PageBytes], (block, _, buffer) =>
        {
            for (var page = block * 64; page < Math.Min((block + 1) * 64, _checksums.Length); page++)
            {
                var offset = SegmentWriter.HeaderBytes + ((long)page * SegmentWriter.PageBytes);
                var bytes = buffer.AsSpan(0, (int)Math.Min(SegmentWriter.PageBytes, _tableOffset - offset));
                try
                {
                    if (!IsSound(offset, bytes) || Crc32C.Compute(bytes) != _checksums[page])
                    {
                        InterlockedMinimum(ref damaged, page);
                    }
                }
                catch (IOException error)
                {
                    Volatile.Write(ref failure, error);
                    InterlockedMinimum(ref damaged, page);
                }
            }

            return buffer;
        }, _ => { });
        if (damaged != int.MaxValue)
        {
            throw Corrupt($"Page {damaged} is damaged: {failure?.Message ?? "its checksum does not match, or it cannot be authenticated."} Restore a backup of this collection.", SegmentWriter.HeaderBytes + ((long)damaged * SegmentWriter.PageBytes));
        }

        _isVerified = true;
    }

    /// <summary>Copies a part of a section; <see cref="Verify"/> first.</summary>
    public void Read(long id, long offset, Span<byte> bytes)
    {
        var section = Section(id);
        if (!_isVerified || offset < 0 || offset + bytes.Length > section.Length)
        {
            throw new InvalidOperationException($"Section {id} of {Name} has {section.Length} bytes, or was not verified.");
        }

        if (Read(section.Offset + offset, bytes) != bytes.Length)
        {
            throw Corrupt("The file became shorter while it was read.", section.Offset);
        }
    }

    public T[] ReadAll<T>(long id)
        where T : unmanaged
    {
        var values = new T[Section(id).Length / Marshal.SizeOf<T>()];
        Read(id, 0, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    public DatabaseCorruptException Corrupt(string message, long? offset = null) => new(message, Path, offset);

    public void Dispose() => _file.Dispose();

    // What the disk cannot read is damaged.
    private int Read(long offset, Span<byte> bytes)
    {
        try
        {
            return _file.Read(offset, bytes);
        }
        catch (IOException error)
        {
            throw Corrupt($"The file cannot be read: {error.Message} Restore a backup of this collection.", offset);
        }
    }

    private bool IsSound(long offset, Span<byte> bytes)
    {
        try
        {
            return _file.Read(offset, bytes) == bytes.Length;
        }
        catch (DatabaseCorruptException)
        {
            return false; // of an encrypted file
        }
    }

    private static void InterlockedMinimum(ref int target, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref target)) > value && Interlocked.CompareExchange(ref target, value, seen) != seen)
        {
        }
    }

    private void ReadSections(byte[] header)
    {
        var count = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(20));
        if (count is < 0 or > SegmentWriter.MaximumSections)
        {
            throw Corrupt($"The header names {count} sections; at most {SegmentWriter.MaximumSections} are written.", 20);
        }

        for (var i = 0; i < count; i++)
        {
            var id = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(48 + (24 * i)));
            var offset = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(56 + (24 * i)));
            var length = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(64 + (24 * i)));
            if (offset < SegmentWriter.HeaderBytes || length < 0 || offset > _tableOffset - length || !_sections.TryAdd(id, (offset, length)))
            {
                throw Corrupt($"Section {id} lies outside the file or stands twice.", 48 + (24 * i));
            }
        }
    }
}
