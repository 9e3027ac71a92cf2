using System.IO.MemoryMappedFiles;

namespace Abi.Compute.Memory;

/// <summary>A whole file, mapped read-only. Processes that map the same file share its pages.</summary>
/// <remarks>Thread-safe, but for disposal, which must come after the last use.</remarks>
public sealed unsafe class MappedFile : TensorMemory
{
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _address;

    /// <summary>Maps the file.</summary>
    /// <exception cref="IOException">The file cannot be opened or mapped.</exception>
    public MappedFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Path = path;
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1);
        Length = stream.Length;
        if (Length == 0)
        {
            return; // an empty file cannot be mapped; readers see a length of zero
        }

        _file = MemoryMappedFile.CreateFromFile(stream, mapName: null, Length, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        _view = _file.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        byte* address = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref address);
        _address = address + _view.PointerOffset;
    }

    /// <summary>The path that was mapped.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public override nint Address => _address != null || Length == 0 ? (nint)_address : throw new ObjectDisposedException(nameof(MappedFile));

    /// <inheritdoc/>
    public override long Length { get; }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_address == null || !disposing)
        {
            return; // the handles have finalizers of their own
        }

        _address = null;
        _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file!.Dispose();
    }
}
