namespace Abi.Database;

/// <summary>Who may do what with a database that is open.</summary>
public enum DatabaseAccess
{
    /// <summary>Reads and writes. One process at a time; others may read meanwhile.</summary>
    ReadWrite,

    /// <summary>Reads what was committed when the database was opened or refreshed. Any number of processes, beside a writer.</summary>
    ReadOnly,
}
