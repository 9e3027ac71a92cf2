namespace Abi.Database;

/// <summary>Which state to restore.</summary>
public sealed record RestoreOptions
{
    /// <summary>The last commit to keep; unset, all.</summary>
    public long? ToSequence { get; init; }

    /// <summary>
    /// The last moment whose commits to keep; unset, all. A moment before all that the backup knows is refused, and the exception names the earliest one; <see cref="ToSequence"/> takes the oldest state there is.
    /// </summary>
    public DateTimeOffset? ToTime { get; init; }

    /// <summary>
    /// The key of an encrypted backup, which the restored database keeps. With a backup that is not encrypted, the key that the restored database is encrypted with.
    /// </summary>
    public EncryptionKey? EncryptionKey { get; init; }

    /// <summary>The archive (<see cref="DatabaseOptions.LogArchive"/>) whose log goes on where the backup ends; null for the backup alone.</summary>
    public string? LogArchive { get; init; }

    /// <summary>When the full backup was begun: its files have nothing that was committed later. Null when nobody knows.</summary>
    internal DateTimeOffset? BackupTime { get; init; }
}
