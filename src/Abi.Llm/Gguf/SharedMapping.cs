using Abi.Compute.Memory;

namespace Abi.Llm.Gguf;

/// <summary>One user's hold on a mapped file. A file is mapped once however many hold it: what is made of its tensors, such as packed weights, is known by its memory and made once, too.</summary>
/// <remarks>Thread-safe. A file is known by where it lies, its length and the time of its last change: one that has taken another's place is another.</remarks>
internal sealed class SharedMapping : IDisposable
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<Key, SharedFile> Mapped = [];
    private readonly Key _key;
    private SharedFile? _file;

    private SharedMapping(Key key, SharedFile file)
    {
        _key = key;
        _file = file;
        Memory = file.Memory;
    }

    /// <summary>The file's bytes, until the last who holds them lets go.</summary>
    public TensorMemory Memory { get; }

    /// <summary>Maps a file, or holds it if it is mapped already.</summary>
    /// <exception cref="IOException">The file cannot be opened or mapped.</exception>
    public static SharedMapping Open(string path)
    {
        var file = new FileInfo(Path.GetFullPath(path));
        file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
        var key = new Key(file.FullName, file.Length, file.LastWriteTimeUtc);
        lock (Gate)
        {
            if (!Mapped.TryGetValue(key, out var shared))
            {
                shared = new SharedFile(new MappedFile(path));
                Mapped.Add(key, shared);
            }

            shared.Users++;
            return new SharedMapping(key, shared);
        }
    }

    /// <summary>Lets go of the file; the last unmaps it. A second call does nothing.</summary>
    public void Dispose()
    {
        lock (Gate)
        {
            if (_file is { } file && --file.Users == 0)
            {
                Mapped.Remove(_key);
                file.Memory.Dispose();
            }

            _file = null;
        }
    }

    private sealed record Key(string Path, long Length, DateTime Changed);

    private sealed class SharedFile(MappedFile memory)
    {
        public MappedFile Memory => memory;

        public int Users { get; set; }
    }
}
