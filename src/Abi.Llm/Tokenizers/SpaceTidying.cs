namespace Abi.Llm.Tokenizers;

/// <summary>Takes away spaces before punctuation and contractions, as llama.cpp's detokenizer does ("clean up tokenization spaces"): three passes, each over the result of the one before.</summary>
internal static class SpaceTidying
{
    /// <summary>The tidied text.</summary>
    public static ReadOnlySpan<byte> Tidy(ReadOnlySpan<byte> text)
    {
        var bytes = text.ToArray();
        var length = JoinMarks(bytes);
        length = JoinLoneApostrophes(bytes.AsSpan(0, length));
        return bytes.AsSpan(0, JoinContractions(bytes.AsSpan(0, length)));
    }

    /// <summary>" ?" becomes "?", and so do "!", "." and ",".</summary>
    private static int JoinMarks(Span<byte> text)
    {
        var (written, previous) = (0, (byte)0);
        foreach (var b in text)
        {
            if (previous == ' ' && b is (byte)'?' or (byte)'!' or (byte)'.' or (byte)',')
            {
                written--;
            }

            text[written++] = b;
            previous = b;
        }

        return written;
    }

    /// <summary>" ' " becomes "'".</summary>
    private static int JoinLoneApostrophes(Span<byte> text)
    {
        var (written, previous) = (0, (byte)0);
        for (var i = 0; i < text.Length; i++)
        {
            var b = text[i];
            var isLone = i > 0 && b == '\'' && previous == ' ' && i + 1 < text.Length && text[i + 1] == ' ';
            written -= isLone ? 1 : 0;
            text[written++] = b;
            // The space behind is gone too, and does not count as a space for what follows.
            previous = isLone ? (byte)0 : b;
            i += isLone ? 1 : 0;
        }

        return written;
    }

    /// <summary>" 's", " 'm", " 're" and " 've" lose their space.</summary>
    private static int JoinContractions(Span<byte> text)
    {
        var (written, previous) = (0, (byte)0);
        for (var i = 0; i < text.Length; i++)
        {
            var b = text[i];
            if (i > 0 && previous == ' ' && b == '\'' && i + 1 < text.Length)
            {
                var rest = text[(i + 1)..];
                if (rest[0] is (byte)'s' or (byte)'m' || rest.StartsWith("re"u8) || rest.StartsWith("ve"u8))
                {
                    written--;
                }
            }

            text[written++] = b;
            previous = b;
        }

        return written;
    }
}
