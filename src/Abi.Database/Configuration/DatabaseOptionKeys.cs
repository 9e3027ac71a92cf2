using Microsoft.Extensions.Configuration;

namespace Abi.Database.Configuration;

/// <summary>The keys of the section <c>Abi:Database</c>: the options that configuration can give, which are all but the key of an encrypted database, since keys do not belong into configuration.</summary>
internal sealed class DatabaseOptionKeys(DatabaseOptions options)
{
    public string Path { get => options.Path; set => options.Path = value; }

    public DatabaseAccess Access { get => options.Access; set => options.Access = value; }

    public Durability Durability { get => options.Durability; set => options.Durability = value; }

    public TimeSpan GroupInterval { get => options.GroupInterval; set => options.GroupInterval = value; }

    public RecoveryMode Recovery { get => options.Recovery; set => options.Recovery = value; }

    public int LogSegmentBytes { get => options.LogSegmentBytes; set => options.LogSegmentBytes = value; }

    public long CheckpointBytes { get => options.CheckpointBytes; set => options.CheckpointBytes = value; }

    public bool KeepLog { get => options.KeepLog; set => options.KeepLog = value; }

    public long DecryptedBytes { get => options.DecryptedBytes; set => options.DecryptedBytes = value; }

    public string? LogArchive { get => options.LogArchive; set => options.LogArchive = value; }

    public TimeSpan? LogRetention { get => options.LogRetention; set => options.LogRetention = value; }

    public long BackgroundBytesPerSecond { get => options.BackgroundBytesPerSecond; set => options.BackgroundBytesPerSecond = value; }

    public bool PrioritizeSearches { get => options.PrioritizeSearches; set => options.PrioritizeSearches = value; }

    public int IndexThreads { get => options.IndexThreads; set => options.IndexThreads = value; }

    public long VectorMemoryBytes { get => options.VectorMemoryBytes; set => options.VectorMemoryBytes = value; }

    public int ScanThreads { get => options.ScanThreads; set => options.ScanThreads = value; }

    /// <summary>Sets the options that the section gives.</summary>
    /// <exception cref="InvalidOperationException">A key is unknown or a value cannot be read; the message names the key.</exception>
    internal static void Bind(IConfigurationSection section, DatabaseOptions options) => section.Bind(new DatabaseOptionKeys(options), static binder => binder.ErrorOnUnknownConfiguration = true);
}
