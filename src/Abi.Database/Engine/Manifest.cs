using System.Buffers.Binary;
using Abi.Database.Encryption;
using Abi.Database.Schema;
using Abi.Database.Storage;

namespace Abi.Database.Engine;

/// <summary>
/// The file <c>abi.manifest</c>: which files make up the database, and where its log begins. Replaced whole: written beside, flushed, renamed, the folder flushed.
/// [ "ABIDB001", version i32, crc u32 of all that follows, database id [16], generation i64, sequence i64, first log segment i64, next collection id i32, collections ].
/// </summary>
internal sealed record Manifest(Guid DatabaseId, long Generation, long Sequence, long FirstLogSegment, int NextCollectionId, IReadOnlyList<ManifestEntry> Collections)
{
    public const string FileName = "abi.manifest";
    public const int Version = 1;
    private const int HeaderBytes = 16;

    private static ReadOnlySpan<byte> Magic => "ABIDB001"u8;

    public void Write(IStorage storage)
    {
        var writer = new ByteWriter(1024);
        writer.Bytes(Magic);
        writer.Int32(Version);
        writer.UInt32(0);
        DatabaseId.TryWriteBytes(writer.Take(16));
        writer.Int64(Generation);
        writer.Int64(Sequence);
        writer.Int64(FirstLogSegment);
        writer.Int32(NextCollectionId);
        writer.Int32(Collections.Count);
        foreach (var entry in Collections)
        {
            entry.Schema.Write(writer);
            writer.Int64(entry.Sequence);
            WriteFile(writer, entry.Rows);
            writer.Int32(entry.Graphs.Count);
            foreach (var graph in entry.Graphs)
            {
                WriteFile(writer, graph);
            }
        }

        var bytes = writer.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), Crc32C.Compute(bytes.AsSpan(HeaderBytes)));
        storage.ReplaceContent(FileName, bytes);
    }

    public static Manifest Read(IStorage storage)
    {
        var path = Path.Combine(storage.Folder, FileName);
        byte[] bytes;
        using (var file = storage.OpenContent(FileName))
        {
            bytes = new byte[checked((int)Math.Min(file.Length, 1 << 28))];
            _ = file.Read(0, bytes);
        }

        if (bytes.Length < HeaderBytes || !bytes.AsSpan(0, 8).SequenceEqual(Magic))
        {
            throw new DatabaseCorruptException("This is not the manifest of an Abi database: its first bytes are not ABIDB001. Restore a backup.", path, 0);
        }

        if (BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(8)) is var version && version != Version)
        {
            throw new DatabaseCorruptException($"The database has format version {version}; this program reads version {Version}. Open it with a newer program.", path, 8);
        }

        if (Crc32C.Compute(bytes.AsSpan(HeaderBytes)) != BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(12)))
        {
            throw new DatabaseCorruptException("The checksum of the manifest does not match. Restore a backup.", path, 12);
        }

        try
        {
            var reader = new ByteReader(bytes.AsSpan(HeaderBytes));
            var id = new Guid(reader.Bytes(16));
            var (generation, sequence, firstLog, next) = (reader.Int64(), reader.Int64(), reader.Int64(), reader.Int32());
            var entries = new ManifestEntry[reader.Count(32)];
            for (var i = 0; i < entries.Length; i++)
            {
                var schema = CollectionSchema.Read(ref reader);
                var at = reader.Int64();
                var rows = ReadFile(ref reader);
                var graphs = new (string, uint)?[reader.Count()];
                for (var j = 0; j < graphs.Length; j++)
                {
                    graphs[j] = ReadFile(ref reader);
                }

                entries[i] = new ManifestEntry(schema, at, rows, graphs);
            }

            return new Manifest(id, generation, sequence, firstLog, next, entries);
        }
        catch (FormatException error)
        {
            throw new DatabaseCorruptException($"The manifest cannot be read: {error.Message}", path);
        }
    }

    /// <summary>The files that the manifest names.</summary>
    public IEnumerable<string> Files() =>
        Collections.SelectMany(entry => entry.Graphs.Prepend(entry.Rows)).OfType<(string Name, uint Checksum)>().Select(file => file.Name);

    private static void WriteFile(ByteWriter writer, (string Name, uint Checksum)? file)
    {
        writer.Byte(file is null ? (byte)0 : (byte)1);
        if (file is { } known)
        {
            writer.Text(known.Name);
            writer.UInt32(known.Checksum);
        }
    }

    private static (string Name, uint Checksum)? ReadFile(ref ByteReader reader)
    {
        if (reader.Byte() == 0)
        {
            return null;
        }

        var name = reader.Text();
        return name.AsSpan().ContainsAny('/', '\\', ':') || name.StartsWith('.') ? throw new FormatException($"'{name}' is no file name.") : (name, reader.UInt32());
    }
}
