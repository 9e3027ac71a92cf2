namespace Abi.Database;

/// <summary>A file of records or vectors is not what it should be.</summary>
public sealed class ExchangeException : AbiException
{
    /// <summary>Makes an exception for a place in a file.</summary>
    /// <param name="message">What is wrong: expected, found, remedy.</param>
    /// <param name="path">The file.</param>
    /// <param name="line">The line, from 1, in files that have lines.</param>
    /// <param name="innerException">The cause.</param>
    public ExchangeException(string message, string path, long? line = null, Exception? innerException = null)
        : base(line is { } number ? $"{path}, line {number}: {message}" : $"{path}: {message}", innerException)
    {
        Path = path;
        Line = line;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The line, from 1; null in files without lines.</summary>
    public long? Line { get; }
}
