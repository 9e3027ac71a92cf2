using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Abi.Compute.Memory;

/// <summary>A whole file, mapped read-only. Processes that map the same file share its pages.</summary>
/// <remarks>Thread-safe, but for disposal, which must come after the last use.</remarks>
public sealed unsafe class MappedFile : TensorMemory
{
    private readonly SafeFileHandle _handle;
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _address;

    /// <summary>Maps the file.</summary>
    /// <exception cref="IOException">The file cannot be opened or mapped.</exception>
    public MappedFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Path = path;
        _handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        try
        {
            Length = RandomAccess.GetLength(_handle);
            if (Length == 0)
            {
                return; // an empty file cannot be mapped; readers see a length of zero
            }

            _file = MemoryMappedFile.CreateFromFile(_handle, mapName: null, Length, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _file.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
            byte* address = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref address);
            _address = address + _view.PointerOffset;
        }
        catch
        {
            _view?.Dispose();
            _file?.Dispose();
            _handle.Dispose();
            throw;
        }
    }

    /// <summary>The path that was mapped.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public override nint Address => _address != null || Length == 0 ? (nint)_address : throw new ObjectDisposedException(nameof(MappedFile));

    /// <inheritdoc/>
    public override long Length { get; }

    /// <summary>
    /// Copies bytes of the file without touching its mapped pages: for a few bytes here and there, since the first touch of a page lets the system map up to 2 MB around it, which count as this process's memory
    /// for as long as they are mapped.
    /// </summary>
    /// <param name="offset">Where in the file they begin.</param>
    /// <param name="bytes">Takes them; it is filled.</param>
    /// <exception cref="IOException">The file cannot be read, or became shorter since it was mapped.</exception>
    /// <exception cref="ObjectDisposedException">The mapping was disposed of.</exception>
    public void Read(long offset, Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var count = RandomAccess.Read(_handle, bytes, offset);
            if (count == 0)
            {
                throw new EndOfStreamException($"'{Path}' ends at byte {offset}, but had {Length} bytes when it was mapped: it was cut while it was in use. Load it again.");
            }

            bytes = bytes[count..];
            offset += count;
        }
    }

    /// <summary>
    /// Gives back the pages in which a range lies, and the few around it that the system maps together with them: they count as this process's memory no longer, and come again from the file when somebody
    /// reads them. On Linux; elsewhere nothing happens.
    /// </summary>
    /// <param name="offset">Where in the file the range begins.</param>
    /// <param name="bytes">How long it is.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not within the file.</exception>
    /// <exception cref="ObjectDisposedException">The mapping was disposed of.</exception>
    public void GiveBack(long offset, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Length - offset);
        SystemMemory.GiveBack((byte*)Address, Length, offset, bytes);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing)
        {
            return; // the handles have finalizers of their own
        }

        _handle.Dispose();
        if (_address == null)
        {
            return;
        }

        _address = null;
        _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file!.Dispose();
    }
}
