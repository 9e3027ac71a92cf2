namespace Abi.Database;

/// <summary>A database cannot do what was asked: it is locked by another process, read-only, not there, or of another format version; or a record does not fit its collection.</summary>
public sealed class DatabaseException : AbiException
{
    /// <summary>Makes an exception with a message.</summary>
    public DatabaseException(string message) : base(message) { }

    /// <summary>Makes an exception with a message and its cause.</summary>
    public DatabaseException(string message, Exception? innerException) : base(message, innerException) { }
}
