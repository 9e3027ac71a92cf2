namespace Abi.Database;

/// <summary>The key of an encrypted database is missing or wrong, or one was given for a database that is not encrypted. Nothing was read or changed.</summary>
public sealed class DatabaseKeyException : AbiException
{
    /// <summary>Makes an exception with a message.</summary>
    public DatabaseKeyException(string message, DatabaseKeyProblem problem) : base(message) => Problem = problem;

    /// <summary>What is wrong.</summary>
    public DatabaseKeyProblem Problem { get; }
}
