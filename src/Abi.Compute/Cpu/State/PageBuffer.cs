using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.State;

/// <summary>Memory for the pages of one layer: taken as it is touched, in huge pages where the system grants them, because attention jumps from page to page.</summary>
internal sealed unsafe class PageBuffer : TensorMemory
{
    private byte* _address;

    public PageBuffer(long length)
    {
        Length = Math.Max(length, 1);
        _address = SystemMemory.Take(Length);
    }

    ~PageBuffer() => Dispose(false);

    public override nint Address => _address != null ? (nint)_address : throw new ObjectDisposedException(nameof(PageBuffer));

    public override long Length { get; }

    protected override void Dispose(bool disposing)
    {
        if (_address != null)
        {
            SystemMemory.Free(_address, Length);
            _address = null;
        }
    }
}
