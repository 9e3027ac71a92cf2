namespace Abi.Compute.Memory;

/// <summary>Memory that tensors are views on: a native buffer or a mapped file. Whoever made it disposes of it, after its last use.</summary>
/// <remarks>Thread-safe, but for disposal, which must come after the last use.</remarks>
public abstract class TensorMemory : IDisposable
{
    /// <summary>The first byte, aligned to at least 64 bytes for buffers and to a page for mapped files.</summary>
    public abstract nint Address { get; }

    /// <summary>The length in bytes.</summary>
    public abstract long Length { get; }

    /// <summary>Frees the memory; a second call does nothing.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the memory.</summary>
    protected abstract void Dispose(bool disposing);
}
