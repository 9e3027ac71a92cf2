namespace Abi.Llm.Tokenizers;

/// <summary>Byte strings behind each other in one block, numbered as they come: a vocabulary has hundreds of thousands, and an object for each takes more than its bytes.</summary>
/// <param name="count">How many strings to make room for; more may come.</param>
/// <param name="bytes">How many bytes to make room for.</param>
internal sealed class ByteStrings(int count = 64, int bytes = 1024)
{
    private byte[] _bytes = new byte[bytes];
    private int[] _ends = new int[count]; // of each string in the block

    /// <summary>Writes another spelling of a text, never longer than the text itself.</summary>
    /// <returns>The number of bytes written; -1 when the text has no such spelling.</returns>
    public delegate int Spelling(ReadOnlySpan<byte> text, Span<byte> target);

    public int Count { get; private set; }

    /// <summary>The bytes of all strings.</summary>
    public int Bytes => Start(Count);

    /// <summary>A string.</summary>
    public ReadOnlySpan<byte> this[int number] => _bytes.AsSpan(Start(number), LengthOf(number));

    public int LengthOf(int number) => _ends[number] - Start(number);

    /// <summary>Adds a string.</summary>
    /// <returns>Its number.</returns>
    public int Add(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        return End(text.Length);
    }

    /// <summary>Adds a text in another spelling.</summary>
    /// <returns>Its number; -1 when it has no such spelling, and nothing was added.</returns>
    public int Add(ReadOnlySpan<byte> text, Spelling spell)
    {
        var length = spell(text, Room(text.Length));
        return length < 0 ? -1 : End(length);
    }

    private int Start(int number) => number == 0 ? 0 : _ends[number - 1];

    private Span<byte> Room(int length)
    {
        var used = Bytes;
        if (_bytes.Length - used < length)
        {
            Array.Resize(ref _bytes, checked(Math.Max(_bytes.Length * 2, used + length)));
        }

        return _bytes.AsSpan(used, length);
    }

    private int End(int length)
    {
        if (Count == _ends.Length)
        {
            Array.Resize(ref _ends, Math.Max(_ends.Length * 2, 16));
        }

        _ends[Count] = Bytes + length;
        return Count++;
    }
}
