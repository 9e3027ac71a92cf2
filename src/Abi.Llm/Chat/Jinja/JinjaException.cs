namespace Abi.Llm.Chat.Jinja;

/// <summary>A chat template is wrong, or refuses its input.</summary>
public sealed class JinjaException : AbiException
{
    /// <summary>Makes an exception.</summary>
    /// <param name="kind">What kind of error it is.</param>
    /// <param name="message">The message; for <see cref="JinjaErrorKind.Raised"/>, exactly what the template said.</param>
    /// <param name="line">The line of the template, from 1, or 0 when unknown.</param>
    public JinjaException(JinjaErrorKind kind, string message, int line = 0)
        : base(line > 0 && kind != JinjaErrorKind.Raised ? $"{message} (line {line} of the chat template)" : message)
    {
        Kind = kind;
        Line = line;
    }

    /// <summary>What kind of error it is.</summary>
    public JinjaErrorKind Kind { get; }

    /// <summary>The line of the template, from 1, or 0 when unknown.</summary>
    public int Line { get; }
}
