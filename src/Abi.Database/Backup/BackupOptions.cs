namespace Abi.Database;

/// <summary>How a backup into a folder is made, and which earlier ones it leaves there. Nothing is deleted before the new backup was checked.</summary>
public sealed record BackupOptions
{
    /// <summary>Whether a full backup is made where the log since the last would do. It begins a chain of its own: a full backup and what is added to it later.</summary>
    public bool IsFull { get; init; }

    /// <summary>How many chains of this database are kept at least, the newest included: 1 or more.</summary>
    public int Keep { get; init; } = 1;

    /// <summary>
    /// How far back the database can be restored from the chains kept: one is deleted only when the next one was begun longer ago than this. Null: <see cref="Keep"/> alone decides. With both, a
    /// chain that either wants is kept.
    /// </summary>
    public TimeSpan? KeepFor { get; init; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Keep, 1);
        if (KeepFor is { } time)
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(time, TimeSpan.Zero, nameof(KeepFor));
        }
    }
}
