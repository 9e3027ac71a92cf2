namespace Abi;

/// <summary>A model file is broken or is not what it claims to be.</summary>
public sealed class ModelFormatException : AbiException
{
    /// <summary>Makes an exception for a place in a file.</summary>
    /// <param name="message">What is wrong: expected, found, remedy.</param>
    /// <param name="path">The file, or null when the bytes came from elsewhere.</param>
    /// <param name="offset">The byte offset in the file, or null when no single place is at fault.</param>
    /// <param name="innerException">The cause, if another exception was.</param>
    public ModelFormatException(string message, string? path = null, long? offset = null, Exception? innerException = null)
        : base(Locate(message, path, offset), innerException)
    {
        Path = path;
        Offset = offset;
    }

    /// <summary>The file, or null.</summary>
    public string? Path { get; }

    /// <summary>The byte offset in the file, or null.</summary>
    public long? Offset { get; }

    private static string Locate(string message, string? path, long? offset) => (path, offset) switch
    {
        (null, null) => message,
        (null, { } o) => $"{message} (at byte {o})",
        ({ } p, null) => $"{message} (in {p})",
        ({ } p, { } o) => $"{message} (in {p}, at byte {o})",
    };
}
