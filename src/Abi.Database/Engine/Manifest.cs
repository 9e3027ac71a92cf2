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
    private const int MostBytes = 1 << 28;
    private const long Most = long.MaxValue / 2; // of what is counted: no database gets there, and one that somebody made up must not go beyond all numbers

    private static readonly SmallFile Format = new("ABIDB001", 1, "the manifest of an Abi database", "Restore a backup.");

    /// <summary>The first commit of which the state can be had. While a collection is damaged, the log begins before the files of the others.</summary>
    public long OldestState => Collections.Aggregate(Sequence, (oldest, entry) => Math.Max(oldest, entry.Sequence));

    /// <summary>Writes it and makes it durable, after the names of the files that it names.</summary>
    public void Write(IStorage storage)
    {
        storage.FlushFolder();
        var writer = Format.Begin(1024);
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

        storage.ReplaceContent(FileName, SmallFile.Seal(writer));
    }

    public static Manifest Read(IStorage storage)
    {
        var path = Path.Combine(storage.Folder, FileName);
        byte[] bytes;
        using (var file = storage.OpenContent(FileName))
        {
            bytes = Format.Read(file, MostBytes, path);
        }

        try
        {
            var reader = new ByteReader(bytes.AsSpan(SmallFile.HeaderBytes));
            var id = new Guid(reader.Bytes(16));
            var (generation, sequence, firstLog, next) = (reader.Int64(), reader.Int64(), reader.Int64(), reader.Int32());
            if (generation is < 0 or > Most || sequence is < 0 or > Most || firstLog is < 0 or > Most || next is < 0 or > int.MaxValue / 2)
            {
                throw new FormatException($"No database has generation {generation}, commit {sequence}, segment {firstLog} of the log, and {next} collections.");
            }

            var entries = new ManifestEntry[reader.Count(32)];
            for (var i = 0; i < entries.Length; i++)
            {
                var schema = CollectionSchema.Read(ref reader);
                var at = reader.Int64();
                if (at is < 0 or > Most)
                {
                    throw new FormatException($"The collection '{schema.Name}' has no commit {at}.");
                }

                var rows = ReadFile(ref reader);
                var count = reader.Int32();
                if (count < 0 || count > schema.Vectors.Count)
                {
                    throw new FormatException($"The collection '{schema.Name}' has {count} graphs and {schema.Vectors.Count} vector fields.");
                }

                var graphs = new (string, uint)?[count];
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
