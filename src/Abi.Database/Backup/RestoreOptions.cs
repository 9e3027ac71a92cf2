namespace Abi.Database;

/// <summary>Which state to restore.</summary>
public sealed record RestoreOptions
{
    /// <summary>The last commit to keep; unset, all.</summary>
    public long? ToSequence { get; init; }

    /// <summary>The last moment whose commits to keep; unset, all.</summary>
    public DateTimeOffset? ToTime { get; init; }
}
