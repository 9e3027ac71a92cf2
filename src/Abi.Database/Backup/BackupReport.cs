namespace Abi.Database;

/// <summary>What a backup did.</summary>
/// <param name="Sequence">The last commit that is in it.</param>
/// <param name="CopiedFiles">Files that were copied.</param>
/// <param name="CopiedBytes">Their bytes.</param>
/// <param name="IsIncremental">Whether only what came since the last backup was copied.</param>
public sealed record BackupReport(long Sequence, int CopiedFiles, long CopiedBytes, bool IsIncremental)
{
    /// <summary>How many chains of earlier backups in the folder were deleted, as <see cref="BackupOptions"/> wanted.</summary>
    public int DeletedChains { get; init; }
}
