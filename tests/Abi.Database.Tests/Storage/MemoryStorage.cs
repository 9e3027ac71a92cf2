using System.Runtime.InteropServices;
using Abi.Database.Backup;
using Abi.Database.Encryption;
using Abi.Database.Storage;

namespace Abi.Database.Tests.Storage;

/// <summary>
/// A disk in memory that keeps a journal of what was done to it, so that a power cut after any part of the journal can be played: what was flushed is there, of what was not
/// any 512-byte sectors are, and of the changes of names not flushed any, too.
/// </summary>
internal sealed class MemoryStorage : IStorage
{
    private readonly MemoryStorage? _root; // of a folder in it, whose files it holds under longer names
    private readonly string _prefix = "";
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Inode> _names = new(StringComparer.Ordinal);

    public MemoryStorage()
    {
    }

    private MemoryStorage(MemoryStorage root, string prefix) => (_root, _prefix, _gate, _names, Journal) = (root, prefix, root._gate, root._names, root.Journal);

    /// <summary>What was done, in order; of a folder, in all of the disk.</summary>
    public List<Step> Journal { get; } = [];

    /// <summary>Throws for the calls for which it returns true: their number and what they do.</summary>
    public Func<int, string, bool>? Fails { get; set; }

    /// <summary>Is told of every read, also in folders: the file and the offset. It may throw.</summary>
    public Action<string, long>? Reading { get; set; }

    /// <summary>A byte that cannot be read, nor what is read together with it.</summary>
    public (string Name, long Offset)? Unreadable { get; set; }

    /// <summary>Is told before the names are listed.</summary>
    public Action? Listing { get; set; }

    /// <summary>Gives the disk of the archive; null for folders of the real one.</summary>
    public Func<IStorage>? Archive { get; set; }

    public string Folder => ("/memory/" + _prefix).TrimEnd('/');

    public StorageEncryption? Encryption { get; set; }

    public int Calls { get; private set; }

    public IStorage OpenArchive(string archive, Guid database) => Archive?.Invoke() ?? ArchivedLog.Open(archive, database);

    /// <summary>The newest chain of a folder of backups.</summary>
    public MemoryStorage NewestChain => (MemoryStorage)OpenFolder(BackupFolder.Chains(this)[^1].Name, create: false);

    public IReadOnlyList<string> List()
    {
        Listing?.Invoke();
        return [.. Names().Where(name => !name.Contains('/', StringComparison.Ordinal))];
    }

    public IReadOnlyList<string> Folders() => [.. Names().Where(name => name.Contains('/', StringComparison.Ordinal)).Select(name => name[..name.IndexOf('/', StringComparison.Ordinal)]).Distinct(StringComparer.Ordinal)];

    // A folder is there as long as a file is in it.
    public IStorage OpenFolder(string name, bool create) => new MemoryStorage(_root ?? this, $"{_prefix}{name}/");

    public void DeleteFolder(string name)
    {
        var folder = (MemoryStorage)OpenFolder(name, create: false);
        foreach (var file in folder.Names())
        {
            folder.Delete(file);
        }
    }

    public bool Exists(string name)
    {
        lock (_gate)
        {
            return _names.ContainsKey(_prefix + name);
        }
    }

    public IStorageFile Open(string name, bool create)
    {
        lock (_gate)
        {
            name = _prefix + name;
            if (!_names.TryGetValue(name, out var inode))
            {
                if (!create)
                {
                    throw new FileNotFoundException(name);
                }

                Count("create");
                _names[name] = inode = new Inode();
                Journal.Add(new Step(StepKind.Create, inode, 0, null, name, null));
            }

            return new OpenFile(this, inode, name);
        }
    }

    public IStorageFile OpenRead(string name)
    {
        lock (_gate)
        {
            return _names.TryGetValue(_prefix + name, out var inode) ? new OpenFile(this, inode, name) : throw new FileNotFoundException(name);
        }
    }

    public StorageView Map(string name)
    {
        lock (_gate)
        {
            return new CopyView(_names[_prefix + name].Bytes);
        }
    }

    public void Rename(string from, string to)
    {
        lock (_gate)
        {
            Count("rename");
            (from, to) = (_prefix + from, _prefix + to);
            _names.Remove(from, out var inode);
            _names[to] = inode!;
            Journal.Add(new Step(StepKind.Rename, inode!, 0, null, from, to));
        }
    }

    public void Delete(string name)
    {
        lock (_gate)
        {
            Count("delete");
            name = _prefix + name;
            _names.Remove(name, out var inode);
            Journal.Add(new Step(StepKind.Delete, inode!, 0, null, name, null));
        }
    }

    public void FlushFolder()
    {
        lock (_gate)
        {
            Count("flush folder");
            Journal.Add(new Step(StepKind.FlushFolder, null, 0, null, null, null));
        }
    }

    public IDisposable TryLock() => new MemoryStream();

    public void Dispose()
    {
        // the disk stays
    }

    public Dictionary<string, byte[]> Files()
    {
        lock (_gate)
        {
            return _names.Where(file => file.Key.StartsWith(_prefix, StringComparison.Ordinal)).ToDictionary(file => file.Key[_prefix.Length..], file => file.Value.Bytes.ToArray(), StringComparer.Ordinal);
        }
    }

    public static MemoryStorage Of(IReadOnlyDictionary<string, byte[]> files)
    {
        var storage = new MemoryStorage();
        foreach (var (name, bytes) in files)
        {
            var inode = storage._names[name] = new Inode { Bytes = bytes.ToArray() };
            storage.Journal.Add(new Step(StepKind.Create, inode, 0, null, name, null));
            storage.Journal.Add(new Step(StepKind.Write, inode, 0, bytes, null, null));
            storage.Journal.Add(new Step(StepKind.Flush, inode, 0, null, null, null));
        }

        storage.Journal.Add(new Step(StepKind.FlushFolder, null, 0, null, null, null));
        return storage;
    }

    /// <summary>The disk after a power cut behind the first <paramref name="steps"/> steps.</summary>
    public MemoryStorage CutAfter(int steps, Random random)
    {
        Dictionary<Inode, byte[]> durable = [];
        Dictionary<Inode, List<Step>> unflushed = [];
        Dictionary<string, Inode> names = new(StringComparer.Ordinal);
        List<Step> unflushedNames = [];
        foreach (var step in Journal.Take(steps))
        {
            switch (step.Kind)
            {
                case StepKind.Write:
                    (unflushed.TryGetValue(step.Inode!, out var list) ? list : unflushed[step.Inode!] = []).Add(step);
                    break;
                case StepKind.Flush:
                    foreach (var write in unflushed.GetValueOrDefault(step.Inode!) ?? [])
                    {
                        durable[step.Inode!] = Put(durable.GetValueOrDefault(step.Inode!) ?? [], write.Offset, write.Bytes!);
                    }

                    unflushed.Remove(step.Inode!);
                    break;
                case StepKind.FlushFolder:
                    unflushedNames.ForEach(change => Change(names, change));
                    unflushedNames.Clear();
                    break;
                default:
                    unflushedNames.Add(step);
                    break;
            }
        }

        // Most file systems keep their order, so that what is there is a beginning, as it is here in one round of three; nothing promises it.
        var kept = random.Next(3) == 0 ? unflushedNames.Take(random.Next(unflushedNames.Count + 1)) : unflushedNames.Where(_ => random.Next(2) == 0);
        foreach (var change in kept)
        {
            Change(names, change);
        }

        Dictionary<string, byte[]> files = new(StringComparer.Ordinal);
        foreach (var (name, inode) in names)
        {
            using var content = new MemoryStream();
            content.Write(durable.GetValueOrDefault(inode) ?? []);
            var keep = random.Next(3); // none, some, all
            foreach (var write in (unflushed.GetValueOrDefault(inode) ?? []).OrderBy(_ => random.Next()))
            {
                for (var at = 0; at < write.Bytes!.Length;)
                {
                    var length = Math.Min(512 - (int)((write.Offset + at) % 512), write.Bytes.Length - at);
                    if (keep == 2 || (keep == 1 && random.Next(2) == 0))
                    {
                        content.Position = write.Offset + at;
                        content.Write(write.Bytes, at, length);
                    }

                    at += length;
                }
            }

            files[name] = content.ToArray();
        }

        return Of(files);
    }

    private static void Change(Dictionary<string, Inode> names, Step change)
    {
        switch (change.Kind)
        {
            case StepKind.Create:
                names[change.Name!] = change.Inode!;
                break;
            case StepKind.Delete:
                names.Remove(change.Name!);
                break;
            default:
                names.Remove(change.Name!);
                names[change.NewName!] = change.Inode!;
                break;
        }
    }

    // In place, unless there is no room.
    private static byte[] Put(byte[] bytes, long offset, ReadOnlySpan<byte> part)
    {
        if (bytes.Length < offset + part.Length)
        {
            Array.Resize(ref bytes, (int)offset + part.Length);
        }

        part.CopyTo(bytes.AsSpan((int)offset));
        return bytes;
    }

    private List<string> Names()
    {
        lock (_gate)
        {
            return _names.Keys.Where(name => name.StartsWith(_prefix, StringComparison.Ordinal)).Select(name => name[_prefix.Length..]).Order(StringComparer.Ordinal).ToList();
        }
    }

    private void Count(string what)
    {
        if (_root is not null)
        {
            _root.Count(what);
            return;
        }

        if (Fails?.Invoke(++Calls, what) == true)
        {
            throw new IOException($"Call {Calls} ({what}) failed, as the test wants it.");
        }
    }

    internal enum StepKind
    {
        Create,
        Write,
        Flush,
        Rename,
        Delete,
        FlushFolder,
    }

    internal sealed record Step(StepKind Kind, Inode? Inode, long Offset, byte[]? Bytes, string? Name, string? NewName);

    internal sealed class Inode
    {
        public byte[] Bytes { get; set; } = [];
    }

    private sealed class OpenFile(MemoryStorage storage, Inode inode, string name) : IStorageFile
    {
        public long Length => inode.Bytes.Length;

        public int Read(long offset, Span<byte> bytes)
        {
            (storage._root ?? storage).Reading?.Invoke(storage._prefix + name, offset);
            var count = (int)Math.Clamp(inode.Bytes.Length - offset, 0, bytes.Length);
            if (storage.Unreadable is { } place && place.Name == name && place.Offset >= offset && place.Offset < offset + count)
            {
                throw new IOException($"Byte {place.Offset} of {name} cannot be read, as the test wants it.");
            }

            inode.Bytes.AsSpan((int)Math.Min(offset, inode.Bytes.Length), count).CopyTo(bytes);
            return count;
        }

        public void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            lock (storage._gate)
            {
                storage.Count("write");
                inode.Bytes = Put(inode.Bytes, offset, bytes);
                storage.Journal.Add(new Step(StepKind.Write, inode, offset, bytes.ToArray(), null, null));
            }
        }

        public void Flush()
        {
            lock (storage._gate)
            {
                storage.Count("flush");
                storage.Journal.Add(new Step(StepKind.Flush, inode, 0, null, null, null));
            }
        }

        public void Dispose()
        {
            // the inode stays
        }
    }

    private sealed unsafe class CopyView : StorageView
    {
        private readonly void* _address; // tests dispose of no view that is read

        public CopyView(byte[] bytes)
        {
            Length = bytes.Length;
            _address = NativeMemory.AlignedAlloc((nuint)Math.Max(bytes.Length, 1), 4096);
            bytes.CopyTo(new Span<byte>(_address, bytes.Length));
        }

        ~CopyView() => NativeMemory.AlignedFree(_address);

        public override byte* Address => (byte*)_address;

        public override long Length { get; }

        public override void Dispose()
        {
            NativeMemory.AlignedFree(_address);
            GC.SuppressFinalize(this);
        }
    }
}
