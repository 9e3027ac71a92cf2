namespace Abi.Llm;

/// <summary>A file that is written beside its place and takes it when it is whole and on the disk; until then, and when it never is, what has its name stays as it was.</summary>
/// <remarks>What writers that were killed left beside it is taken away: those that run hold theirs.</remarks>
internal sealed class WholeFile : IDisposable
{
    private const string Ending = ".part";
    private static readonly TimeSpan LeastAge = TimeSpan.FromMinutes(1); // what somebody has just made is not held yet

    private readonly string _path;
    private readonly string _temporary;
    private bool _isWhole;

    /// <summary>Begins a file.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public WholeFile(string path, int bufferBytes)
    {
        _path = Path.GetFullPath(path);
        _temporary = $"{_path}.{Guid.NewGuid():N}{Ending}";
        DeleteLeftovers(_path);
        try
        {
            Stream = new FileStream(_temporary, FileMode.CreateNew, FileAccess.Write, OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None, bufferBytes);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException(exception.Message.Replace(_temporary, path, StringComparison.Ordinal), exception);
        }
    }

    /// <summary>Takes the content.</summary>
    public FileStream Stream { get; }

    /// <summary>Puts the file in its place.</summary>
    /// <exception cref="IOException">It cannot be; what has its name stays.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public void Commit()
    {
        Stream.Flush(flushToDisk: true);
        File.Move(_temporary, _path, overwrite: true); // while it is held: nobody may take it for left behind
        _isWhole = true;
    }

    /// <summary>Closes the file; one that was not put in its place is deleted.</summary>
    public void Dispose()
    {
        try
        {
            Stream.Dispose();
        }
        catch (IOException) when (!_isWhole)
        {
            // The rest of what is given up does not fit on the disk.
        }

        if (!_isWhole)
        {
            File.Delete(_temporary);
        }
    }

    private static void DeleteLeftovers(string path)
    {
        var start = $"{Path.GetFileName(path)}.";
        string[] files;
        try
        {
            files = Directory.GetFiles(Path.GetDirectoryName(path)!, $"*{Ending}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return; // a folder that may be written to and not listed keeps what is left; one that is not there is said when the file is made
        }

        foreach (var file in files.Where(file => IsTemporary(Path.GetFileName(file))))
        {
            try
            {
                if (TimeProvider.System.GetUtcNow().UtcDateTime - File.GetLastWriteTimeUtc(file) < LeastAge)
                {
                    continue;
                }

                new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 1).Dispose(); // throws where somebody holds it
                File.Delete(file);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Somebody writes it, or it is not ours to delete; it only takes room.
            }
        }

        bool IsTemporary(string name) => name.StartsWith(start, StringComparison.Ordinal) && name.EndsWith(Ending, StringComparison.Ordinal)
            && name.Length > start.Length + Ending.Length && Guid.TryParseExact(name.AsSpan()[start.Length..^Ending.Length], "N", out _);
    }
}
