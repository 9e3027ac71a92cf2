using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Rows;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>Reads every byte of a database and checks it.</summary>
internal static class Verification
{
    /// <summary>Checks a database or one chain of backups, or all chains in a folder.</summary>
    /// <param name="storage">Where it is.</param>
    /// <param name="key">The key; null without one. Chains before the newest that have another one are checked without it.</param>
    /// <exception cref="DatabaseKeyException">The key does not open it; of several chains, the newest.</exception>
    public static VerificationReport RunAll(IStorage storage, EncryptionKey? key)
    {
        var chains = storage.Exists(Manifest.FileName) ? [] : BackupFolder.Chains(storage);
        if (chains.Count == 0)
        {
            return Run(storage, key);
        }

        using var newest = storage.OpenFolder(chains[^1].Name, create: false);
        var report = Run(newest, key);
        foreach (var chain in chains.SkipLast(1))
        {
            using var older = storage.OpenFolder(chain.Name, create: false);
            VerificationReport one;
            try
            {
                one = Run(older, key);
            }
            catch (DatabaseKeyException error)
            {
                // It is of another database, or was made before the key was changed.
                one = Run(older, key: null);
                if (error.Problem == DatabaseKeyProblem.NotEncrypted && chain.Database == chains[^1].Database)
                {
                    one = one with { Problems = [.. one.Problems, $"{older.Folder} is not encrypted, but later backups of the same database are: it was not made by that database."] };
                }
            }

            report = report with { Files = report.Files + one.Files, Bytes = report.Bytes + one.Bytes, Problems = [.. report.Problems, .. one.Problems], IsSealed = report.IsSealed || one.IsSealed };
        }

        return report;
    }

    /// <summary>Checks a database or one chain of backups.</summary>
    /// <param name="storage">Where it is.</param>
    /// <param name="last">The last commit wanted: what the log has behind it, which may be being written, is not looked at.</param>
    /// <param name="needsEnd">Whether a backup must be there up to the end that it was given.</param>
    public static VerificationReport Run(IStorage storage, long last = long.MaxValue, bool needsEnd = true)
    {
        if (!storage.Exists(Manifest.FileName))
        {
            throw new DatabaseException($"There is no database at {storage.Folder}: it has no {Manifest.FileName}.");
        }

        if (storage.Encryption is null && storage.Exists(KeyFile.Name))
        {
            return SealedVerification.Run(storage);
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
        catch (Exception error) when (error is DatabaseCorruptException or IOException)
        {
            return new VerificationReport(1, 0, 0, [error.Message]);
        }

        foreach (var (name, checksum, kind) in Segments(manifest))
        {
            Try(name, () => Check(storage, name, checksum, kind));
        }

        Try(Manifest.FileName, () =>
        {
            var end = needsEnd ? BackupEnd.Read(storage, manifest.DatabaseId) : null;
            var scan = new LogScan(storage, manifest.DatabaseId, manifest.FirstLogSegment, isSalvage: false);
            scan.Read((_, _) => true, manifest.Sequence, last);
            sequence = scan.LastSequence;
            if (end is { } known && sequence < last)
            {
                BackupEnd.Check(storage, scan, known);
            }
        });
        return new VerificationReport(files, bytes, sequence, [.. problems]);
    }

    private static VerificationReport Run(IStorage storage, EncryptionKey? key)
    {
        using var encryption = storage.Encryption = key is null && storage.Exists(KeyFile.Name) ? null : KeyFile.Open(storage, key, 0);
        return Run(storage);
    }

    /// <summary>Checks every page of the files that a manifest names.</summary>
    /// <exception cref="DatabaseCorruptException">Names the first page that is damaged.</exception>
    public static void CheckFiles(IStorage storage, Manifest manifest)
    {
        foreach (var (name, checksum, kind) in Segments(manifest))
        {
            Check(storage, name, checksum, kind);
        }
    }

    private static IEnumerable<(string Name, uint Checksum, int Kind)> Segments(Manifest manifest)
    {
        foreach (var entry in manifest.Collections)
        {
            if (entry.Rows is { } rows)
            {
                yield return (rows.Name, rows.Checksum, RowsFile.Kind);
            }

            foreach (var graph in entry.Graphs.OfType<(string Name, uint Checksum)>())
            {
                yield return (graph.Name, graph.Checksum, GraphFile.Kind);
            }
        }
    }

    private static void Check(IStorage storage, string name, uint checksum, int kind)
    {
        using var reader = new SegmentReader(storage, name, kind, checksum);
        reader.Verify();
    }
}
