namespace Abi.Database;

/// <summary>Bytes of a database are not what was written. They are named and never served.</summary>
public sealed class DatabaseCorruptException : AbiException
{
    /// <summary>Makes an exception for a place in a file.</summary>
    /// <param name="message">What is wrong: expected, found, remedy.</param>
    /// <param name="path">The file.</param>
    /// <param name="offset">The byte offset in the file, or null when no single place is at fault.</param>
    public DatabaseCorruptException(string message, string path, long? offset = null)
        : base(offset is { } o ? $"{message} (in {path}, at byte {o})" : $"{message} (in {path})")
    {
        Path = path;
        Offset = offset;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The byte offset in the file, or null.</summary>
    public long? Offset { get; }
}
