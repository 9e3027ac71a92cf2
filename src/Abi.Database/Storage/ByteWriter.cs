using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Abi.Database.Storage;

/// <summary>Writes little-endian values into a growing buffer.</summary>
internal sealed class ByteWriter(int capacity = 256)
{
    private byte[] _bytes = new byte[capacity];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    /// <summary>What was written. Not to be written to any more.</summary>
    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    public byte[] ToArray() => Span.ToArray();

    public void Clear() => Length = 0;

    public static DatabaseException TooLarge() => new("What is to be written at once has more than 2 GB, which is the most. Write it in batches.");

    /// <summary>The next <paramref name="count"/> bytes, to be filled by the caller.</summary>
    /// <exception cref="DatabaseException">They would be more than an array has.</exception>
    public Span<byte> Take(int count)
    {
        if (_bytes.Length - Length < count)
        {
            var needed = (long)Length + count;
            Array.Resize(ref _bytes, needed <= Array.MaxLength ? (int)Math.Min(Math.Max(2L * _bytes.Length, needed), Array.MaxLength) : throw TooLarge());
        }

        Length += count;
        return _bytes.AsSpan(Length - count, count);
    }

    public void Byte(byte value) => Take(1)[0] = value;

    public void Int32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Take(4), value);

    public void UInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Take(4), value);

    public void Int64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Take(8), value);

    public void Double(double value) => BinaryPrimitives.WriteDoubleLittleEndian(Take(8), value);

    public void Bytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

    public void Block(ReadOnlySpan<byte> bytes)
    {
        Int32(bytes.Length);
        Bytes(bytes);
    }

    public void Text(string text)
    {
        Int32(Encoding.UTF8.GetByteCount(text));
        Encoding.UTF8.GetBytes(text, Take(Encoding.UTF8.GetByteCount(text)));
    }

    public void Pad(int multiple) => Take((multiple - (Length % multiple)) % multiple).Clear();

    /// <summary>Overwrites four bytes written before.</summary>
    public void SetInt32(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(at, 4), value);
}
