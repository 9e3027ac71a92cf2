using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Rows;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>Reads every byte of a database and checks it.</summary>
internal static class Verification
{
    public static VerificationReport Run(IStorage storage)
    {
        if (!storage.Exists(Manifest.FileName))
        {
            throw new DatabaseException($"There is no database at {storage.Folder}: it has no {Manifest.FileName}.");
        }

        List<string> problems = [];
        var (files, bytes, sequence) = (1, 0L, 0L);
        void Try(string name, Action act)
        {
            try
            {
                act();
                using var file = storage.OpenRead(name);
                files++;
                bytes += file.Length;
            }
            catch (Exception error) when (error is DatabaseCorruptException or IOException)
            {
                problems.Add(error.Message);
            }
        }

        Manifest manifest;
        try
        {
            manifest = Manifest.Read(storage);
        }
        catch (DatabaseCorruptException error)
        {
            return new VerificationReport(1, 0, 0, [error.Message]);
        }

        foreach (var entry in manifest.Collections)
        {
            if (entry.Rows is { } rows)
            {
                Try(rows.Name, () => Check(storage, rows, RowsFile.Kind));
            }

            foreach (var graph in entry.Graphs.OfType<(string Name, uint Checksum)>())
            {
                Try(graph.Name, () => Check(storage, graph, GraphFile.Kind));
            }
        }

        Try(Manifest.FileName, () =>
        {
            var scan = new LogScan(storage, manifest.DatabaseId, manifest.FirstLogSegment, isSalvage: false);
            scan.Read((_, _) => true, manifest.Sequence);
            sequence = scan.LastSequence;
        });
        return new VerificationReport(files, bytes, sequence, [.. problems]);
    }

    private static void Check(IStorage storage, (string Name, uint Checksum) file, int kind)
    {
        using var reader = new SegmentReader(storage, file.Name, kind, file.Checksum);
        reader.Verify();
    }
}
