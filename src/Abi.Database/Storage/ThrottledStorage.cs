using Abi.Database.Encryption;

namespace Abi.Database.Storage;

/// <summary>A storage as background work sees it: its writes wait until the rate allows them. Owns nothing.</summary>
internal sealed class ThrottledStorage(IStorage storage, WriteThrottle throttle) : IStorage
{
    public string Folder => storage.Folder;

    public StorageEncryption? Encryption
    {
        get => storage.Encryption;
        set => storage.Encryption = value;
    }

    public IReadOnlyList<string> List() => storage.List();

    public bool Exists(string name) => storage.Exists(name);

    public IStorageFile Open(string name, bool create) => new ThrottledFile(storage.Open(name, create), throttle);

    public IStorageFile OpenRead(string name) => storage.OpenRead(name);

    public StorageView Map(string name) => storage.Map(name);

    public void Rename(string from, string to) => storage.Rename(from, to);

    public void Delete(string name) => storage.Delete(name);

    public void FlushFolder() => storage.FlushFolder();

    public IDisposable? TryLock() => storage.TryLock();

    public IReadOnlyList<string> Folders() => storage.Folders();

    public IStorage OpenFolder(string name, bool create) => storage.OpenFolder(name, create);

    public void DeleteFolder(string name) => storage.DeleteFolder(name);

    public IStorage OpenArchive(string archive, Guid database) => storage.OpenArchive(archive, database);

    public void Dispose()
    {
        // the storage is whose it was
    }

    private sealed class ThrottledFile(IStorageFile file, WriteThrottle throttle) : IStorageFile
    {
        public long Length => file.Length;

        public int Read(long offset, Span<byte> bytes) => file.Read(offset, bytes);

        public void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            throttle.Wait(bytes.Length);
            file.Write(offset, bytes);
        }

        public void Flush() => file.Flush();

        public void Dispose() => file.Dispose();
    }
}
