namespace Abi.Llm.Grammars.Regular;

/// <summary>Cuts ranges of characters into sequences of byte ranges: the texts of one length whose numbers lie between two ends.</summary>
internal static class Utf8Ranges
{
    /// <summary>The greatest number that four bytes of UTF-8's form can hold with a lead byte up to 0xFF.</summary>
    public const int LenientLast = 0x3FFFFF;

    /// <summary>Receives one sequence of 1 to 4 byte ranges.</summary>
    public delegate void Sink(ReadOnlySpan<(byte First, byte Last)> bytes);

    /// <summary>Gives every sequence of a set.</summary>
    /// <param name="set">The numbers.</param>
    /// <param name="isLenient">Whether three and four bytes may also spell numbers that fewer could, from U+0080 on, and numbers up to <see cref="LenientLast"/>.</param>
    /// <param name="sink">Is called for each.</param>
    public static void Cut(CodePointSet set, bool isLenient, Sink sink)
    {
        foreach (var (first, last) in set.Ranges)
        {
            CutLength(first, last, 0, 0x7F, 1, sink);
            CutLength(first, last, 0x80, 0x7FF, 2, sink);
            CutLength(first, last, isLenient ? 0x80 : 0x800, 0xFFFF, 3, sink);
            CutLength(first, last, isLenient ? 0x80 : 0x10000, isLenient ? LenientLast : CodePointSet.Last, 4, sink);
        }
    }

    private static void CutLength(int first, int last, int least, int most, int length, Sink sink)
    {
        first = Math.Max(first, least);
        last = Math.Min(last, most);
        if (first <= last)
        {
            Span<(byte, byte)> bytes = stackalloc (byte, byte)[4];
            Split(first, last, length, 0, bytes, sink);
        }
    }

    /// <summary>Splits so that in each part all digits (base 64, the first one larger) behind a varying one run over their whole range.</summary>
    private static void Split(int first, int last, int length, int done, Span<(byte, byte)> bytes, Sink sink)
    {
        var shift = 6 * (length - done - 1);
        var low = first >> shift;
        var high = last >> shift;
        if (shift == 0)
        {
            bytes[done] = (Byte(low, length, done), Byte(high, length, done));
            sink(bytes[..length]);
            return;
        }

        var mask = (1 << shift) - 1;
        if (low == high)
        {
            bytes[done] = (Byte(low, length, done), Byte(low, length, done));
            Split(first & mask, last & mask, length, done + 1, bytes, sink);
            return;
        }

        if ((first & mask) != 0)
        {
            bytes[done] = (Byte(low, length, done), Byte(low, length, done));
            Split(first & mask, mask, length, done + 1, bytes, sink);
            low++;
        }

        var cutsLast = (last & mask) != mask;
        if (low <= (cutsLast ? high - 1 : high))
        {
            bytes[done] = (Byte(low, length, done), Byte(cutsLast ? high - 1 : high, length, done));
            Split(0, mask, length, done + 1, bytes, sink);
        }

        if (cutsLast)
        {
            bytes[done] = (Byte(high, length, done), Byte(high, length, done));
            Split(0, last & mask, length, done + 1, bytes, sink);
        }
    }

    private static byte Byte(int digit, int length, int place) =>
        (byte)(place > 0 ? 0x80 | digit : length switch { 1 => digit, 2 => 0xC0 | digit, 3 => 0xE0 | digit, _ => 0xF0 | digit });
}
