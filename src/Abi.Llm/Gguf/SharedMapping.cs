using Abi.Compute.Memory;

namespace Abi.Llm.Gguf;

/// <summary>One user's hold on a mapped file. A file is mapped once however many hold it: what is made of its tensors, such as packed weights, is known by its memory and made once, too.</summary>
/// <remarks>
/// Thread-safe. A file is known by where it lies, the time of its last change, its length, and its first and last bytes: one that has taken another's place is another, also where all times are the same.
/// Who forgets to let go keeps a file mapped for as long as anything of it is in use, not longer.
/// </remarks>
internal sealed class SharedMapping : IDisposable
{
    private const int SampledBytes = 1 << 14;

    private static readonly Lock Gate = new();
    private static readonly Dictionary<Key, WeakReference<SharedFile>> Mapped = [];
    private readonly Key _key;
    private SharedFile? _file;

    private SharedMapping(Key key, SharedFile file)
    {
        _key = key;
        _file = file;
        Memory = file.Memory;
    }

    /// <summary>Equals that of every other hold on the same file.</summary>
    public object Identity => _key;

    /// <summary>The file's bytes, until the last who holds them lets go.</summary>
    public TensorMemory Memory { get; }

    /// <summary>Maps a file, or holds it if it is mapped already.</summary>
    /// <exception cref="IOException">The file cannot be opened or mapped.</exception>
    public static SharedMapping Open(string path)
    {
        // mapped before it is asked for, since only what is mapped stays what it was
        var mapped = new MappedFile(path);
        try
        {
            var file = new FileInfo(Path.GetFullPath(path));
            file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
            var key = new Key(file.FullName, file.LastWriteTimeUtc, mapped.Length, Sample(mapped));
            lock (Gate)
            {
                if (!Mapped.TryGetValue(key, out var weak) || !weak.TryGetTarget(out var shared))
                {
                    shared = new SharedFile(mapped);
                    Mapped[key] = new WeakReference<SharedFile>(shared);
                }

                shared.Users++;
                if (shared.Memory != mapped)
                {
                    mapped.Dispose();
                }

                return new SharedMapping(key, shared);
            }
        }
        catch
        {
            mapped.Dispose();
            throw;
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

    /// <summary>What tells files apart that agree in all else: the first and last 16 KB.</summary>
    private static byte[] Sample(MappedFile file)
    {
        var sample = new byte[2 * (int)Math.Min(SampledBytes, file.Length)];
        file.Read(0, sample.AsSpan(..(sample.Length / 2)));
        file.Read(file.Length - (sample.Length / 2), sample.AsSpan((sample.Length / 2)..));
        return sample;
    }

    /// <summary>What a file is known by. The sample is compared itself: a hash of it would load the system's cryptography, 6 MB, for nothing else.</summary>
    private sealed record Key(string Path, DateTime Changed, long Length, byte[] Sample)
    {
        public bool Equals(Key? other) => other is not null && Path == other.Path && Changed == other.Changed && Length == other.Length && Sample.AsSpan().SequenceEqual(other.Sample);

        public override int GetHashCode() => HashCode.Combine(Path, Changed, Length);
    }

    private sealed class SharedFile(MappedFile memory)
    {
        public MappedFile Memory => memory;

        public int Users { get; set; }
    }
}
