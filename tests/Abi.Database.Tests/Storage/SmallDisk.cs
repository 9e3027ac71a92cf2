using System.Diagnostics;
using System.Globalization;

namespace Abi.Database.Tests.Storage;

/// <summary>A file system in memory of a given size, where the machine lets a test mount one.</summary>
internal sealed class SmallDisk : IDisposable
{
    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    public static SmallDisk? TryMount(string path, int bytes)
    {
        Directory.CreateDirectory(path);
        return OperatingSystem.IsLinux() && Run("mount", "-t", "tmpfs", "-o", Size(bytes), "tmpfs", path) ? new SmallDisk(path) : null;
    }

    public void Resize(int bytes)
    {
        if (!Run("mount", "-o", $"remount,{Size(bytes)}", Path))
        {
            throw new IOException($"{Path} cannot be made larger.");
        }
    }

    public void MakeReadOnly()
    {
        if (!Run("mount", "-o", "remount,ro", Path))
        {
            throw new IOException($"{Path} cannot be made read-only.");
        }
    }

    // Files that are mapped may be so until the collector looks.
    public void Dispose() => Run("umount", "--lazy", Path);

    private static string Size(int bytes) => string.Create(CultureInfo.InvariantCulture, $"size={bytes}");

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // no such program
        }
    }
}
