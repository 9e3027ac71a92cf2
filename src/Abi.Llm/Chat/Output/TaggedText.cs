using System.Text;

namespace Abi.Llm.Chat.Output;

/// <summary>Text between tags.</summary>
internal static class TaggedText
{
    /// <summary>Whether a text ends so; with <paramref name="before"/>, whether what stands before so many characters, and the white space in front of them, does.</summary>
    public static bool EndsWith(StringBuilder text, string end, int before = 0)
    {
        while (before > 0 && before < text.Length && char.IsWhiteSpace(text[^(before + 1)]))
        {
            before++;
        }

        if (text.Length - before < end.Length)
        {
            return false;
        }

        for (var i = 1; i <= end.Length; i++)
        {
            if (text[^(before + i)] != end[^i])
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A value that stands on lines of its own, without the line breaks next to its tags.</summary>
    public static string Unwrap(ReadOnlySpan<char> value)
    {
        value = value.StartsWith("\n") ? value[1..] : value;
        value = value.EndsWith("\n") ? value[..^1] : value;
        return value.ToString();
    }

    /// <summary>Takes a tagged value off the beginning of a text.</summary>
    public static bool Take(ref ReadOnlySpan<char> text, string open, string close, out string value)
    {
        value = string.Empty;
        if (!text.StartsWith(open))
        {
            return false;
        }

        var end = text.IndexOf(close);
        if (end < 0)
        {
            return false;
        }

        value = text[open.Length..end].ToString();
        text = text[(end + close.Length)..].TrimStart();
        return true;
    }
}
