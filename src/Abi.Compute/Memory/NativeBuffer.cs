using System.Runtime.InteropServices;

namespace Abi.Compute.Memory;

/// <summary>Zeroed native memory, aligned to 64 bytes, outside the managed heap.</summary>
public sealed unsafe class NativeBuffer : TensorMemory
{
    private void* _address;

    /// <summary>Takes <paramref name="length"/> bytes, all zero.</summary>
    /// <exception cref="OutOfMemoryException">The system has no more memory.</exception>
    public NativeBuffer(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        _address = NativeMemory.AlignedAlloc((nuint)Math.Max(length, 1), 64);
        NativeMemory.Clear(_address, (nuint)length);
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

        NativeMemory.AlignedFree(_address);
        _address = null;
        GC.RemoveMemoryPressure(Math.Max(Length, 1));
    }
}
