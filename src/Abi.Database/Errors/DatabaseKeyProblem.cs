namespace Abi.Database;

/// <summary>What is wrong with the key of a database.</summary>
public enum DatabaseKeyProblem
{
    /// <summary>The database is encrypted, and no key was given.</summary>
    Missing,

    /// <summary>The key given does not open it, or is none.</summary>
    Wrong,

    /// <summary>A key was given, but the database is not encrypted.</summary>
    NotEncrypted,
}
