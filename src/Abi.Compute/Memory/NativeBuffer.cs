using System.Runtime.InteropServices;

namespace Abi.Compute.Memory;

/// <summary>Zeroed native memory, aligned to 64 bytes, outside the managed heap. What is never touched of a large buffer takes no physical memory.</summary>
/// <remarks>Thread-safe, but for disposal, which must come after the last use; who writes what is between the writers.</remarks>
public sealed unsafe class NativeBuffer : TensorMemory
{
    private const int Alignment = 64;
    private void* _allocation;
    private void* _address; // the first aligned byte of the allocation

    /// <summary>Takes <paramref name="length"/> bytes, all zero.</summary>
    /// <exception cref="OutOfMemoryException">The system has no more memory.</exception>
    public NativeBuffer(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        _allocation = NativeMemory.AllocZeroed(checked((nuint)length + Alignment));
        _address = (void*)(((nuint)_allocation + Alignment - 1) & ~(nuint)(Alignment - 1));
        GC.AddMemoryPressure(Math.Max(length, 1));
    }

    /// <summary>Frees what a caller forgot to dispose of.</summary>
    ~NativeBuffer() => Dispose(false);

    /// <inheritdoc/>
    public override nint Address => _address != null ? (nint)_address : throw new ObjectDisposedException(nameof(NativeBuffer));

    /// <inheritdoc/>
    public override long Length { get; }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_address == null)
        {
            return;
        }

        NativeMemory.Free(_allocation);
        _allocation = _address = null;
        GC.RemoveMemoryPressure(Math.Max(Length, 1));
    }
}
