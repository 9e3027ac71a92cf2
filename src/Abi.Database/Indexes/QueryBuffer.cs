using System.Runtime.InteropServices;

namespace Abi.Database.Indexes;

/// <summary>Memory for a query's row, on a multiple of 64. A thread uses its own again.</summary>
internal sealed unsafe class QueryBuffer(int bytes)
{
    [ThreadStatic]
    private static QueryBuffer? _cached;

    ~QueryBuffer() => NativeMemory.AlignedFree(Address);

    public byte* Address { get; } = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);

    public static QueryBuffer Rent(int bytes)
    {
        var buffer = _cached;
        _cached = null;
        return buffer is not null && buffer.Bytes >= bytes ? buffer : new QueryBuffer(bytes);
    }

    public void Return() => _cached = this;

    private int Bytes => bytes;
}
