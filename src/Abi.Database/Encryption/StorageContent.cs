using Abi.Database.Storage;

namespace Abi.Database.Encryption;

/// <summary>
/// The content of files that are written once. <see cref="IStorage"/> itself gives bytes as they are on the disk, so that whatever copies files copies ciphertext; who wants the content asks here.
/// </summary>
internal static class StorageContent
{
    /// <summary>Opens the content of a file for reading.</summary>
    /// <exception cref="DatabaseCorruptException">It cannot be decrypted.</exception>
    public static IStorageFile OpenContent(this IStorage storage, string name)
    {
        var file = storage.OpenRead(name);
        if (storage.Encryption is not { } encryption)
        {
            return file;
        }

        try
        {
            return new PageFileReader(file, encryption, name, Path.Combine(storage.Folder, name));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Replaces a small file whole: written beside, flushed, renamed, the folder flushed.</summary>
    public static void ReplaceContent(this IStorage storage, string name, ReadOnlySpan<byte> content)
    {
        var temporary = name + ".tmp";
        if (storage.Exists(temporary))
        {
            storage.Delete(temporary);
        }

        using (var file = storage.CreateContent(temporary))
        {
            file.Write(0, content);
            file.Flush();
        }

        storage.Rename(temporary, name);
        storage.FlushFolder();
    }

    /// <summary>Makes a file that is not there and takes its content.</summary>
    public static IStorageFile CreateContent(this IStorage storage, string name)
    {
        var file = storage.Open(name, create: true);
        if (storage.Encryption is not { } encryption)
        {
            return file;
        }

        try
        {
            return new PageFileWriter(file, encryption, name);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
