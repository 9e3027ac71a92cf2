using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Abi.Database.Encryption;

namespace Abi.Database.Storage;

/// <summary>
/// Writes a segment: a file of numbered sections that never changes once it has its name.
/// <code>
/// [0, 4096)            header: "ABISEG01", version u32, crc u32, kind i32, sections i32, page table offset i64, file length i64, page table crc u32, then per section id i64, offset i64, length i64
/// [4096, table)        sections, each on a multiple of 4096
/// [table, end)         one CRC-32C (u32) for each page of 64 KiB of [4096, table)
/// </code>
/// </summary>
internal sealed class SegmentWriter : IDisposable
{
    public const int Version = 1;
    public const int HeaderBytes = 4096;
    public const int PageBytes = 1 << 16;
    public const int MaximumSections = 128;

    private readonly IStorage _storage;
    private readonly string _name;
    private readonly string _temporary;
    private readonly int _kind;
    private readonly IStorageFile _file;
    private readonly byte[] _page = new byte[PageBytes];
    private readonly List<uint> _checksums = [];
    private readonly List<(long Id, long Offset, long Length)> _sections = [];
    private int _inPage;
    private long _written = HeaderBytes; // the offset behind the pages written

    public SegmentWriter(IStorage storage, string name, int kind)
    {
        _storage = storage;
        _name = name;
        _temporary = name + ".tmp";
        _kind = kind;
        if (storage.Exists(_temporary))
        {
            storage.Delete(_temporary);
        }

        _file = storage.CreateContent(_temporary);
    }

    internal static ReadOnlySpan<byte> Magic => "ABISEG01"u8;

    private long Position => _written + _inPage;

    public void BeginSection(long id)
    {
        Pad();
        if (_sections.Count == MaximumSections)
        {
            throw new InvalidOperationException($"A segment has at most {MaximumSections} sections.");
        }

        _sections.Add((id, Position, 0));
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        var section = _sections[^1];
        _sections[^1] = section with { Length = section.Length + bytes.Length };
        Append(bytes);
    }

    public void Write<T>(ReadOnlySpan<T> values)
        where T : unmanaged => Write(MemoryMarshal.AsBytes(values));

    /// <summary>Writes the rest, makes the file durable and gives it its name. The folder is not flushed: the manifest that names the file does that.</summary>
    /// <returns>The checksum of the header, by which the manifest knows this very file.</returns>
    public uint Finish()
    {
        Pad();
        if (_inPage > 0)
        {
            FlushPage();
        }

        var table = MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_checksums));
        _file.Write(_written, table);
        var header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(16), _kind);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(20), _sections.Count);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), _written);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), _written + table.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(40), Crc32C.Compute(table));
        for (var i = 0; i < _sections.Count; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(48 + (24 * i)), _sections[i].Id);
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(56 + (24 * i)), _sections[i].Offset);
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(64 + (24 * i)), _sections[i].Length);
        }

        var checksum = Crc32C.Compute(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), checksum);
        _file.Write(0, header);
        _file.Flush();
        _storage.Rename(_temporary, _name);
        return checksum;
    }

    public void Dispose() => _file.Dispose();

    private void Pad()
    {
        var rest = (int)((HeaderBytes - (Position % HeaderBytes)) % HeaderBytes);
        Append(new byte[rest]);
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var part = bytes[..Math.Min(bytes.Length, PageBytes - _inPage)];
            part.CopyTo(_page.AsSpan(_inPage));
            _inPage += part.Length;
            bytes = bytes[part.Length..];
            if (_inPage == PageBytes)
            {
                FlushPage();
            }
        }
    }

    private void FlushPage()
    {
        var page = _page.AsSpan(0, _inPage);
        _checksums.Add(Crc32C.Compute(page));
        _file.Write(_written, page);
        _written += _inPage;
        _inPage = 0;
    }
}
