using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>Copies files between storages.</summary>
internal static class FileCopy
{
    /// <summary>What is read and written at a time.</summary>
    public const int PartBytes = 1 << 20;

    /// <summary>Copies a file and makes the copy durable before it gets its name.</summary>
    /// <returns>Its bytes.</returns>
    public static long Copy(IStorageFile source, IStorage to, string name)
    {
        var temporary = name + ".tmp";
        if (to.Exists(temporary))
        {
            to.Delete(temporary);
        }

        long at = 0;
        using (var target = to.Open(temporary, create: true))
        {
            var buffer = new byte[PartBytes];
            for (int read; (read = source.Read(at, buffer)) > 0; at += read)
            {
                target.Write(at, buffer.AsSpan(0, read));
            }

            target.Flush();
        }

        to.Rename(temporary, name);
        return at;
    }
}
