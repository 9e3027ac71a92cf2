using System.Collections.Immutable;

namespace Abi.Database;

/// <summary>What checking every byte of a database or backup found.</summary>
/// <param name="Files">The files that were read.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Sequence">The last commit.</param>
/// <param name="Problems">What is damaged, and where; empty when all is well.</param>
public sealed record VerificationReport(int Files, long Bytes, long Sequence, ImmutableArray<string> Problems)
{
    /// <summary>Whether all is well.</summary>
    public bool IsSound => Problems.IsEmpty;

    /// <summary>
    /// Whether it, or one of several backups, is encrypted and was checked without its key: by the checksums of the ciphertext of each page and of each frame of the log, which find damage but not what somebody changed on purpose.
    /// Files that are missing are not noticed then.
    /// </summary>
    public bool IsSealed { get; init; }
}
