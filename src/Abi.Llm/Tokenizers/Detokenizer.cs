namespace Abi.Llm.Tokenizers;

/// <summary>Turns the ids of one sequence into text as they come: bytes are held back until their character is complete.</summary>
/// <remarks>
/// For one thread at a time. Allocates nothing after construction. Bytes that can no longer become a character are given out as U+FFFD (one for each maximal broken part, as the Unicode standard
/// recommends), so what is given out is always valid UTF-8.
/// </remarks>
public sealed class Detokenizer
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _includeSpecial;
    private readonly int[] _shown; // control tokens that give their texts all the same
    private readonly byte[] _held = new byte[4];
    private int _heldLength;

    /// <summary>Starts a text.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="includeSpecial">Whether control tokens give their texts; otherwise they give nothing.</param>
    public Detokenizer(Tokenizer tokenizer, bool includeSpecial = false)
        : this(tokenizer, includeSpecial, [])
    {
    }

    internal Detokenizer(Tokenizer tokenizer, bool includeSpecial, int[] shown)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _includeSpecial = includeSpecial;
        _shown = shown;
    }

    /// <summary>The number of bytes held back.</summary>
    public int HeldBytes => _heldLength;

    /// <summary>The most bytes that <see cref="Append"/> can give for a token.</summary>
    public int MaximumBytes(int id) => 3 * (_tokenizer.TokenBytes(id, Shows(id)).Length + _heldLength);

    /// <summary>Adds a token.</summary>
    /// <param name="id">The token.</param>
    /// <param name="utf8">Receives the characters that became complete: at least <see cref="MaximumBytes"/> long.</param>
    /// <returns>The number of bytes written; always whole characters.</returns>
    /// <exception cref="ArgumentException">The span is too short; nothing was taken.</exception>
    public int Append(int id, Span<byte> utf8)
    {
        var bytes = _tokenizer.TokenBytes(id, Shows(id));
        if (utf8.Length < MaximumBytes(id))
        {
            throw new ArgumentException($"The token needs up to {MaximumBytes(id)} bytes; the span has {utf8.Length}.", nameof(utf8));
        }

        var written = 0;
        foreach (var b in bytes)
        {
            written += Take(b, utf8[written..]);
        }

        return written;
    }

    /// <summary>Ends the text: a broken character that is still held back becomes U+FFFD.</summary>
    /// <returns>The number of bytes written: 0 or 3.</returns>
    public int Flush(Span<byte> utf8)
    {
        if (_heldLength == 0)
        {
            return 0;
        }

        _heldLength = 0;
        "\uFFFD"u8.CopyTo(utf8);
        return 3;
    }

    /// <summary>Forgets what is held back, for another text.</summary>
    public void Reset() => _heldLength = 0;

    private bool Shows(int id) => _includeSpecial || Array.IndexOf(_shown, id) >= 0;

    private int Take(byte b, Span<byte> target)
    {
        var written = 0;
        if (_heldLength > 0 && !Continues(b))
        {
            // The held part can never be completed.
            _heldLength = 0;
            "\uFFFD"u8.CopyTo(target);
            written = 3;
        }

        if (_heldLength == 0 && b < 0x80)
        {
            target[written] = b;
            return written + 1;
        }

        if (_heldLength == 0 && (b is < 0xc2 or > 0xf4))
        {
            "\uFFFD"u8.CopyTo(target[written..]);
            return written + 3;
        }

        _held[_heldLength++] = b;
        var needed = _held[0] switch { < 0xe0 => 2, < 0xf0 => 3, _ => 4 };
        if (_heldLength < needed)
        {
            return written;
        }

        _held.AsSpan(0, needed).CopyTo(target[written..]);
        _heldLength = 0;
        return written + needed;
    }

    /// <summary>Whether a byte may follow the held ones (Unicode, table 3-7).</summary>
    private bool Continues(byte b) => _heldLength > 1
        ? b is >= 0x80 and <= 0xbf
        : _held[0] switch
        {
            0xe0 => b is >= 0xa0 and <= 0xbf,
            0xed => b is >= 0x80 and <= 0x9f,
            0xf0 => b is >= 0x90 and <= 0xbf,
            0xf4 => b is >= 0x80 and <= 0x8f,
            _ => b is >= 0x80 and <= 0xbf,
        };
}
