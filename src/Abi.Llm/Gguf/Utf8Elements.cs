using System.Buffers.Binary;

namespace Abi.Llm.Gguf;

/// <summary>The elements of an array of strings as they lie in the file, one after the other: a vocabulary has hundreds of thousands, which need not be objects.</summary>
internal readonly ref struct Utf8Elements(ReadOnlySpan<byte> elements, int count, bool hasShortLengths)
{
    private readonly ReadOnlySpan<byte> _elements = elements;

    public int Count => count;

    /// <summary>The bytes of all elements together.</summary>
    public int Bytes => _elements.Length - (count * LengthSize(hasShortLengths));

    public Enumerator GetEnumerator() => new(_elements, count, hasShortLengths);

    private static int LengthSize(bool hasShortLengths) => hasShortLengths ? sizeof(uint) : sizeof(ulong);

    /// <summary>Goes through the elements; their lengths were checked when the file was opened.</summary>
    internal ref struct Enumerator(ReadOnlySpan<byte> elements, int count, bool hasShortLengths)
    {
        private ReadOnlySpan<byte> _rest = elements;
        private int _left = count;

        public ReadOnlySpan<byte> Current { get; private set; }

        public bool MoveNext()
        {
            if (_left-- == 0)
            {
                return false;
            }

            var length = hasShortLengths ? (int)BinaryPrimitives.ReadUInt32LittleEndian(_rest) : (int)BinaryPrimitives.ReadUInt64LittleEndian(_rest);
            Current = _rest.Slice(LengthSize(hasShortLengths), length);
            _rest = _rest[(LengthSize(hasShortLengths) + length)..];
            return true;
        }
    }
}
