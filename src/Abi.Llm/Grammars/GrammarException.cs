namespace Abi.Llm.Grammars;

/// <summary>A grammar, a JSON schema or a regular expression is wrong, asks for something that cannot be honoured, or asks for too much.</summary>
public sealed class GrammarException : AbiException
{
    /// <summary>Makes an exception.</summary>
    /// <param name="message">What is wrong, what was expected, and what to do.</param>
    /// <param name="line">The line of the grammar's text, from 1, or 0 when there is none.</param>
    /// <param name="column">The column (in characters) of that line, from 1, or 0 when there is none.</param>
    public GrammarException(string message, int line = 0, int column = 0)
        : base(line > 0 ? $"{message} (line {line}, column {column})" : message)
    {
        Line = line;
        Column = column;
    }

    /// <summary>The line of the grammar's text, from 1, or 0 when there is none.</summary>
    public int Line { get; }

    /// <summary>The column of that line, from 1, or 0 when there is none.</summary>
    public int Column { get; }

    internal static GrammarException At(string message, ReadOnlySpan<char> text, int position)
    {
        var before = text[..Math.Clamp(position, 0, text.Length)];
        return new GrammarException(message, before.Count('\n') + 1, before.Length - before.LastIndexOf('\n'));
    }
}
