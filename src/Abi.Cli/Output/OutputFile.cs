using Abi.Cli.CommandLine;

namespace Abi.Cli.Output;

/// <summary>Files that commands write.</summary>
internal static class OutputFile
{
    /// <summary>Refuses a device, such as <c>/dev/null</c>: results are written beside and then take the place of what has their name, which whoever may write there has lost.</summary>
    /// <exception cref="UsageException">It is a device.</exception>
    public static void RequireFile(string path)
    {
        if (!OperatingSystem.IsWindows() && path.Length > 0 && Path.GetFullPath(path) is var place && place.StartsWith("/dev/", StringComparison.Ordinal) && !place.StartsWith("/dev/shm/", StringComparison.Ordinal))
        {
            throw new UsageException($"'{path}' is a device, and the result would take its place. Name a file.");
        }
    }

    /// <summary>Refuses to put a result in the place of what it is made of, or of another result: that would be lost. Devices are refused, too.</summary>
    /// <exception cref="UsageException">Both are the same file, or it is a device.</exception>
    public static void RequireOther(string input, string output)
    {
        RequireFile(output);
        if (Place(input).Equals(Place(output), OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase))
        {
            throw new UsageException($"'{output}' would take the place of '{input}', which would be lost. Name another file.");
        }
    }

    // What is written takes the place of a link, but a link of the same content is the original by another name; and so it is by way of a folder that is a link.
    private static string Place(string path)
    {
        var place = Path.GetFullPath(Target(new FileInfo(path)) ?? path);
        for (var folder = Path.GetDirectoryName(place); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (Target(new DirectoryInfo(folder)) is { } target)
            {
                return Place(Path.Combine(target, Path.GetRelativePath(folder, place)));
            }
        }

        return place;
    }

    private static string? Target(FileSystemInfo link)
    {
        try
        {
            return link.Exists ? link.ResolveLinkTarget(returnFinalTarget: true)?.FullName : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null; // what cannot be asked, as the root of a drive on Windows, is no link
        }
    }

    /// <summary>Writes a file beside its place, and puts it there when it is whole and on the disk. What a command that was killed left is written over; one that runs is left alone.</summary>
    /// <exception cref="AbiException">It cannot be written, or another command writes it.</exception>
    public static async Task WriteAsync(string path, Func<Stream, Task> write)
    {
        var temporary = $"{path}.partial";
        try
        {
            // held until it has its name: another command must not begin to write into it between
            var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None, 1 << 16);
            await using var close = stream.ConfigureAwait(false);
            try
            {
                await write(stream).ConfigureAwait(false);
                stream.Flush(flushToDisk: true);
                File.Move(temporary, path, overwrite: true);
            }
            catch
            {
                File.Delete(temporary);
                throw;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new AbiException($"The file '{path}' cannot be written: {exception.Message.Replace(temporary, path, StringComparison.Ordinal)}", exception);
        }
    }

    /// <summary>Refuses a file that could not be written, before the work that it is to hold the result of.</summary>
    /// <remarks>It is tried as it will be written: as a new file in the same folder, which takes the place of the old one.</remarks>
    /// <exception cref="UsageException">It is a device.</exception>
    /// <exception cref="AbiException">It cannot be written.</exception>
    public static void RequireWritable(string path)
    {
        RequireFile(path);
        if (Directory.Exists(path))
        {
            throw new AbiException($"The file '{path}' cannot be written: it is a folder. Name a file in it.");
        }

        var probe = $"{path}.{Path.GetRandomFileName()}";
        try
        {
            using var stream = new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new AbiException($"The file '{path}' cannot be written: {exception.Message.Replace(probe, path, StringComparison.Ordinal)}", exception);
        }
    }
}
