using System.Buffers.Binary;
using System.Text;

namespace Abi.Database.Storage;

/// <summary>Reads what <see cref="ByteWriter"/> wrote. Every length is checked against what is left before it is used.</summary>
internal ref struct ByteReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _left = bytes;

    public readonly int Left => _left.Length;

    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (count < 0 || count > _left.Length)
        {
            throw new FormatException($"{count} bytes were announced, but {_left.Length} are left.");
        }

        var taken = _left[..count];
        _left = _left[count..];
        return taken;
    }

    public byte Byte() => Bytes(1)[0];

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Bytes(4));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Bytes(8));

    public double Double() => BinaryPrimitives.ReadDoubleLittleEndian(Bytes(8));

    public ReadOnlySpan<byte> Block() => Bytes(Int32());

    public string Text() => Encoding.UTF8.GetString(Block());

    /// <summary>A count of things of which each takes at least <paramref name="least"/> bytes.</summary>
    public int Count(int least = 1)
    {
        var count = Int32();
        if (count < 0 || (long)count * least > _left.Length)
        {
            throw new FormatException($"{count} elements were announced, but only {_left.Length} bytes are left.");
        }

        return count;
    }
}
