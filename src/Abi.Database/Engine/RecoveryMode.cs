namespace Abi.Database;

/// <summary>What opening a database does about a log that was damaged in the middle. (A write that never finished is always cut off, and reported.)</summary>
public enum RecoveryMode
{
    /// <summary>Refuses to open: <see cref="DatabaseCorruptException"/> names the place.</summary>
    Strict,

    /// <summary>Keeps everything before the damage and gives up what comes after it. What follows is another database, with other backups and another archive of its log.</summary>
    Salvage,
}
