using System.Runtime.InteropServices;
using Abi.Database.Storage;

namespace Abi.Database.Encryption;

/// <summary>A section of an encrypted segment, decrypted into private memory.</summary>
internal sealed unsafe class DecryptedView : StorageView
{
    private readonly DecryptedMemory.Lease _lease;
    private void* _address;

    /// <exception cref="DatabaseException">The budget does not allow it.</exception>
    public DecryptedView(SegmentReader reader, long section, DecryptedMemory memory)
    {
        Length = reader.Section(section).Length;
        _lease = memory.Take(Length, reader.Path);
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
        _lease?.Dispose(); // null when the budget refused it
    }
}
