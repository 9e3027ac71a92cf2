using System.IO.MemoryMappedFiles;
using Abi.Database.Backup;
using Abi.Database.Encryption;
using Microsoft.Win32.SafeHandles;

namespace Abi.Database.Storage;

/// <summary>A folder of the file system.</summary>
internal sealed unsafe class DiskStorage : IStorage
{
    /// <summary>The file that the writer holds; in no list of names.</summary>
    public const string LockName = "abi.lock";

    public DiskStorage(string folder, bool create)
    {
        Folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (create)
        {
            try
            {
                DurableFolder.Make(Folder, LibC.FlushFolder);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new DatabaseException($"The folder {Folder} cannot be made: {error.Message} Name another, or give this user the right to write there.", error);
            }
        }

        if (!Directory.Exists(Folder))
        {
            throw new DatabaseException($"There is no database at {Folder}: the folder does not exist. Open it for writing to create it.");
        }
    }

    public string Folder { get; }

    public StorageEncryption? Encryption { get; set; }

    public IReadOnlyList<string> List() => [.. Directory.EnumerateFiles(Folder).Select(path => Path.GetFileName(path)).Where(name => name != LockName).Order(StringComparer.Ordinal)];

    public bool Exists(string name) => File.Exists(Full(name));

    public IStorageFile Open(string name, bool create) =>
        Try(() => new DiskFile(File.OpenHandle(Full(name), create ? FileMode.OpenOrCreate : FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete)));

    public IStorageFile OpenRead(string name) => Try(() => new DiskFile(File.OpenHandle(Full(name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete)));

    public StorageView Map(string name) => Try(() => new MappedView(Full(name)));

    public void Rename(string from, string to) => Try(() => File.Move(Full(from), Full(to), overwrite: true));

    public void Delete(string name) => Try(() => File.Delete(Full(name)));

    public void FlushFolder() => LibC.FlushFolder(Folder);

    public IReadOnlyList<string> Folders() => [.. Directory.EnumerateDirectories(Folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public IStorage OpenFolder(string name, bool create) => new DiskStorage(Full(name), create);

    public void DeleteFolder(string name) => Try(() => Directory.Delete(Full(name), recursive: true));

    public IStorage OpenArchive(string archive, Guid database) => ArchivedLog.Open(archive, database);

    public IDisposable? TryLock()
    {
        try
        {
            // FileShare.None is an advisory lock of the whole file on Unix and a share mode on Windows, where it would keep the holder from deleting it, too; both end with the process.
            return new FileStream(Full(LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None, bufferSize: 1);
        }
        catch (IOException error) when (IsHeld(error))
        {
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DatabaseException($"The folder {Folder} cannot be written to: {error.Message}", error);
        }
    }

    // Somebody has the file: ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION of Windows; EWOULDBLOCK, 11 on Linux and 35 on systems that come from BSD.
    private static bool IsHeld(IOException error) => OperatingSystem.IsWindows() ? (error.HResult & 0xFFFF) is 32 or 33 : error.HResult is 11 or 35;

    public void Dispose()
    {
        // a folder holds nothing open
    }

    // What the system refuses is a failure of the disk like any other.
    private static T Try<T>(Func<T> act)
    {
        try
        {
            return act();
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException(error.Message, error);
        }
    }

    private static void Try(Action act) => Try(() =>
    {
        act();
        return true;
    });

    private string Full(string name) => Path.Combine(Folder, name);

    private sealed class DiskFile(SafeFileHandle handle) : IStorageFile
    {
        public long Length => RandomAccess.GetLength(handle);

        public int Read(long offset, Span<byte> bytes)
        {
            var done = 0;
            while (done < bytes.Length)
            {
                var read = RandomAccess.Read(handle, bytes[done..], offset + done);
                if (read == 0)
                {
                    break;
                }

                done += read;
            }

            return done;
        }

        public void Write(long offset, ReadOnlySpan<byte> bytes) => RandomAccess.Write(handle, bytes, offset);

        public void Flush() => LibC.FlushData(handle);

        public void Dispose() => handle.Dispose();
    }

    private sealed class MappedView : StorageView
    {
        private readonly MemoryMappedFile? _file;
        private readonly MemoryMappedViewAccessor? _view;
        private byte* _address;

        public MappedView(string path)
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1);
            Length = stream.Length;
            if (Length == 0)
            {
                return;
            }

            _file = MemoryMappedFile.CreateFromFile(stream, mapName: null, Length, MemoryMappedFileAccess.CopyOnWrite, HandleInheritability.None, leaveOpen: true);
            _view = _file.CreateViewAccessor(0, Length, MemoryMappedFileAccess.CopyOnWrite);
            byte* address = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref address);
            _address = address + _view.PointerOffset;
        }

        ~MappedView() => Release();

        public override byte* Address => _address;

        public override long Length { get; }

        public override void Dispose()
        {
            Release();
            GC.SuppressFinalize(this);
        }

        // Also by the finalizer: a snapshot that a search still reads is let go of only when nothing refers to it.
        private void Release()
        {
            if (_address != null)
            {
                _address = null;
                _view!.SafeMemoryMappedViewHandle.ReleasePointer();
                _view.Dispose();
                _file!.Dispose();
            }
        }
    }
}
