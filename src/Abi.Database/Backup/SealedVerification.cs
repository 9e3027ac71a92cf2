using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>Checks an encrypted database without its key: the checksums of what is on the disk. Which files belong together only the manifest says, which is encrypted, so all that are there are read.</summary>
internal static class SealedVerification
{
    public static VerificationReport Run(IStorage storage)
    {
        List<string> problems = [];
        var (files, bytes, sequence) = (0, 0L, 0L);
        void Try(string name, Func<long> check)
        {
            try
            {
                bytes += check();
                files++;
            }
            catch (Exception error) when (error is DatabaseCorruptException or IOException)
            {
                problems.Add($"{name}: {error.Message}");
            }
        }

        Try(KeyFile.Name, () => KeyFile.Read(storage).Length);
        var names = storage.List();
        foreach (var name in names.Where(name => !name.EndsWith(".tmp", StringComparison.Ordinal)
            && (name is Manifest.FileName or BackupEnd.FileName || name.StartsWith("rows-", StringComparison.Ordinal) || name.StartsWith("graph-", StringComparison.Ordinal))))
        {
            Try(name, () => CheckPages(storage, name));
        }

        List<long> segments = [.. names.Select(LogFormat.Number).Where(number => number >= 0).Order()];
        if (segments.Count > 0)
        {
            var first = storage.Exists(BackupEnd.FileName) ? segments[0] : FirstOfLastRun(segments);
            Try(LogFormat.Name(first), () => CheckLog(storage, first, out sequence));
        }

        return new VerificationReport(files, bytes, sequence, [.. problems]) { IsSealed = true };
    }

    // The log is of one piece. What lies before a gap in a database's folder was given up, and is still there since the power failed meanwhile; a backup gives up none.
    private static long FirstOfLastRun(List<long> segments)
    {
        var first = segments.Count - 1;
        while (first > 0 && segments[first - 1] == segments[first] - 1)
        {
            first--;
        }

        return segments[first];
    }

    private static long CheckPages(IStorage storage, string name)
    {
        var path = Path.Combine(storage.Folder, name);
        using var file = storage.OpenRead(name);
        var (_, length, layout) = PageFile.ReadHeader(file, path);
        var buffer = new byte[layout.LargestPage];
        for (long page = 0; page < layout.Pages(length); page++)
        {
            PageFile.ReadPage(file, page, length, layout, buffer, path);
        }

        return file.Length;
    }

    private static long CheckLog(IStorage storage, long first, out long sequence)
    {
        var header = new byte[LogFormat.HeaderBytes];
        using (var file = storage.OpenRead(LogFormat.Name(first)))
        {
            _ = file.Read(0, header);
        }

        var database = new Guid(header.AsSpan(LogFormat.DatabaseOffset, 16));
        var firstSequence = LogFormat.ReadHeader(header, database, first, Path.Combine(storage.Folder, LogFormat.Name(first)));
        var scan = new LogScan(storage, database, first, isSalvage: false);
        long bytes = 0;
        scan.Read((frame, _) => (bytes += LogFormat.FrameBytes(frame.Length)) > 0, firstSequence - 1);
        sequence = scan.LastSequence;
        if (storage.Exists(BackupEnd.FileName))
        {
            BackupEnd.Check(storage, scan, sequence); // which commit it is to end with is encrypted
        }

        return bytes;
    }
}
