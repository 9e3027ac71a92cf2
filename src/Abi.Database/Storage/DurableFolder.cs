namespace Abi.Database.Storage;

/// <summary>A folder whose name a power cut does not take away.</summary>
internal static class DurableFolder
{
    /// <summary>
    /// Makes a folder that is not there yet, and those above it. A name is durable before the next one is made below it: when the process is killed, at most that of the lowest is not, and so the
    /// name of a folder that is there is made durable as well.
    /// </summary>
    /// <param name="path">The full path.</param>
    /// <param name="flush">Makes the names in a folder durable.</param>
    public static void Make(string path, Action<string> flush)
    {
        if (Path.GetDirectoryName(path) is not { } parent)
        {
            return; // a root
        }

        if (!Directory.Exists(path))
        {
            Make(parent, flush);
            Directory.CreateDirectory(path);
        }

        try
        {
            flush(parent);
        }
        catch (IOException error) when (error.HResult is LibC.NotPermitted or LibC.NoAccess or LibC.NoFlush or LibC.ReadOnlyFileSystem)
        {
            // It belongs to somebody else, or its file system keeps names in another way: what is below can be used all the same.
        }
    }
}
