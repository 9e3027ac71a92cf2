using Abi.Cli.CommandLine;

namespace Abi.Cli.Output;

/// <summary>Files that commands write.</summary>
internal static class OutputFile
{
    /// <summary>Refuses to put a result in the place of what it is made of: the original would be lost.</summary>
    /// <exception cref="UsageException">Both are the same file.</exception>
    public static void RequireOther(string input, string output)
    {
        if (Place(input).Equals(Place(output), OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase))
        {
            throw new UsageException($"'{output}' is the file that is read: its content would be lost. Name another file.");
        }
    }

    // What is written takes the place of a link, but a link of the same content is the original by another name.
    private static string Place(string path) => Path.GetFullPath(File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path);

    /// <summary>Refuses a file that could not be written, before the work that it is to hold the result of.</summary>
    /// <remarks>It is tried as it will be written: as a new file in the same folder, which takes the place of the old one.</remarks>
    /// <exception cref="AbiException">It cannot be written.</exception>
    public static void RequireWritable(string path)
    {
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
