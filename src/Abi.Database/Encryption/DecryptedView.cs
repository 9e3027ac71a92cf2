using System.Runtime.InteropServices;
using Abi.Database.Storage;

namespace Abi.Database.Encryption;

/// <summary>A section of an encrypted segment, decrypted into private memory.</summary>
internal sealed unsafe class DecryptedView : StorageView
{
    private readonly DecryptedMemory.Lease _lease;
    private void* _address;

    /// <param name="reader">The segment.</param>
    /// <param name="section">The section.</param>
    /// <param name="lease">Its bytes, taken from the budget; given back with this.</param>
    public DecryptedView(SegmentReader reader, long section, DecryptedMemory.Lease lease)
    {
        Length = reader.Section(section).Length;
        _lease = lease;
        _address = NativeMemory.Alloc((nuint)Math.Max(Length, 1));
        for (long at = 0; at < Length; at += 1 << 26)
        {
            reader.Read(section, at, new Span<byte>((byte*)_address + at, (int)Math.Min(1 << 26, Length - at)));
        }
    }

    ~DecryptedView() => Free();

    public override byte* Address => (byte*)_address;

    public override long Length { get; }

    public override void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.Free(_address);
        _address = null;
        _lease?.Dispose(); // null when the segment has no such section
    }
}
