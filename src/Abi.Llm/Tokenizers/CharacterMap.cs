using System.Buffers.Binary;

namespace Abi.Llm.Tokenizers;

/// <summary>
/// SentencePiece's compiled normalisation rules (<c>tokenizer.ggml.precompiled_charsmap</c>): a double array (Yata et al. 2007, in the layout of darts-clone) from strings to replacements, which lie
/// behind it, each ended by a zero.
/// </summary>
internal sealed class CharacterMap
{
    private const string Key = "tokenizer.ggml.precompiled_charsmap";
    private const uint LeafValue = 0x8000_0000;

    private readonly uint[] _units;
    private readonly byte[] _replacements;

    private CharacterMap(uint[] units, byte[] replacements)
    {
        _units = units;
        _replacements = replacements;
    }

    /// <summary>Reads a map; null when it is empty.</summary>
    /// <exception cref="ModelFormatException">It is broken.</exception>
    public static CharacterMap? Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return null;
        }

        if (bytes.Length < 4)
        {
            throw Broken($"has {bytes.Length} bytes; its head takes 4");
        }

        var size = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (size % 4 != 0 || size >= (uint)(bytes.Length - 4))
        {
            throw Broken($"claims a table of {size} bytes, but {bytes.Length - 4} follow, and replacements must come behind it");
        }

        var units = new uint[size / 4];
        for (var i = 0; i < units.Length; i++)
        {
            units[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 + (i * 4))..]);
        }

        var replacements = bytes[(4 + (int)size)..].ToArray();
        var bad = Array.FindIndex(units, unit => unit >= LeafValue && (unit & ~LeafValue) >= (uint)replacements.Length);
        return replacements[^1] != 0 ? throw Broken("does not end its last replacement with a zero")
            : LongestReplacement(replacements) is var longest && longest > Vocabulary.LongestMatch ? throw Broken($"has a replacement of {longest} bytes; {Vocabulary.LongestMatch} are allowed")
            : bad >= 0 ? throw Broken($"refers in unit {bad} to replacement {units[bad] & ~LeafValue}, but they have {replacements.Length} bytes")
            : new CharacterMap(units, replacements);
    }

    /// <summary>The longest string in the map that a text begins with.</summary>
    /// <param name="text">The text.</param>
    /// <param name="replacement">Receives what stands for it.</param>
    /// <returns>Its length in bytes; 0 when there is none.</returns>
    public int Match(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> replacement)
    {
        replacement = default;
        var (length, value) = (0, 0u); // of the longest string so far
        if (_units.Length == 0)
        {
            return 0;
        }

        var node = Offset(_units[0]);
        // a broken table may lead round and round
        for (var i = 0; i < Math.Min(text.Length, Vocabulary.LongestMatch) && text[i] != 0; i++)
        {
            node ^= text[i];
            // A child carries its label; a unit of a value carries the top bit and so matches none.
            if (node >= (uint)_units.Length || (_units[node] & (LeafValue | 0xff)) != text[i])
            {
                break;
            }

            var unit = _units[node];
            node ^= Offset(unit);
            if ((unit & 0x100) != 0 && node < (uint)_units.Length)
            {
                (length, value) = (i + 1, _units[node] & ~LeafValue);
            }
        }

        if (length > 0)
        {
            var rest = _replacements.AsSpan((int)Math.Min(value, (uint)_replacements.Length - 1));
            replacement = rest[..rest.IndexOf((byte)0)];
        }

        return length;
    }

    private static int LongestReplacement(ReadOnlySpan<byte> replacements)
    {
        var longest = 0;
        for (var rest = replacements; !rest.IsEmpty;)
        {
            var length = rest.IndexOf((byte)0);
            longest = Math.Max(longest, length);
            rest = rest[(length + 1)..];
        }

        return longest;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);

    private static ModelFormatException Broken(string what) => new($"'{Key}' {what}; the file is damaged: download or convert it again");
}
