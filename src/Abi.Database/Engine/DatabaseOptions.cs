using Microsoft.Extensions.AI;

namespace Abi.Database;

/// <summary>How a database is opened.</summary>
/// <remarks>Not thread-safe: set once, before the feature starts.</remarks>
public sealed class DatabaseOptions
{
    /// <summary>The folder of the database.</summary>
    public string Path { get; set; } = "memory.abi";

    /// <summary>Read and write (default), or read beside the process that writes.</summary>
    public DatabaseAccess Access { get; set; } = DatabaseAccess.ReadWrite;

    /// <summary>When a write is acknowledged.</summary>
    public Durability Durability { get; set; } = Durability.Full;

    /// <summary>The longest that an acknowledged write waits for the disk with <see cref="Durability.Group"/>.</summary>
    public TimeSpan GroupInterval { get; set; } = TimeSpan.FromMilliseconds(10);

    /// <summary>What is done about a log that was damaged in the middle.</summary>
    public RecoveryMode Recovery { get; set; } = RecoveryMode.Strict;

    /// <summary>The bytes of a segment of the log.</summary>
    public int LogSegmentBytes { get; set; } = 4 << 20;

    /// <summary>A checkpoint is made when the log, with what was read of it at opening, has grown by this many bytes, or by half of the collections' files if that is more.</summary>
    public long CheckpointBytes { get; set; } = 64L << 20;

    /// <summary>Whether segments of the log that a checkpoint made superfluous are kept, so that incremental backups and a restore to any moment since are possible.</summary>
    public bool KeepLog { get; set; }

    /// <summary>
    /// The key that opens the database; a new one is encrypted with it. Unset, the database is plain. It must not be disposed of before the database is open, and is the caller's to dispose of.
    /// </summary>
    public EncryptionKey? EncryptionKey { get; set; }

    /// <summary>
    /// The most bytes of decrypted records and vectors of an encrypted database that are held in memory, where a plain one would map its files; what does not fit is decrypted page by page when it is
    /// needed, but the vectors of a graph in memory must fit. Besides, each file that is read page by page takes 8 bytes for every 4 KiB of it, which tell
    /// what is in memory. 0: half of the memory that the process may use.
    /// </summary>
    public long DecryptedBytes { get; set; }

    /// <summary>
    /// A folder, best on another disk, into which every finished segment of the log is copied before the database gives it up: with it a backup can be restored to any commit since. It must
    /// be there; the database makes one of its own in it. While it cannot be written to, the log stays in the database's folder (<see cref="VectorDatabase.LogArchive"/> tells). Null: none.
    /// </summary>
    public string? LogArchive { get; set; }

    /// <summary>
    /// How far back the database can be restored to any moment: log that was kept (<see cref="KeepLog"/>) or archived is deleted once all of its commits are older than this and it lies before
    /// the newest of the backups that are older than this, or before the oldest backup when none is. Nothing is deleted before the first backup. Null: all is kept.
    /// </summary>
    public TimeSpan? LogRetention { get; set; }

    /// <summary>The most that checkpoints, compaction, backups and archiving write in a second together, in bytes, at least 1,024; commits are not limited. 0: no limit.</summary>
    public long BackgroundBytesPerSecond { get; set; }

    /// <summary>
    /// Whether writing leaves searches room. While somebody searches, and for a second after, commits and the growth of graphs then use one processor less than there are, taking turns, and a write to a
    /// collection, though committed, returns only when no more than 128 vectors wait for its graph, which searches compare one by one, or a tenth of a second later. With one thread for
    /// graphs, that thread has meanwhile, on Linux, a small share of a processor that others keep busy. Off: writes are as fast as they can be, and searches beside them wait for a processor.
    /// </summary>
    public bool PrioritizeSearches { get; set; } = true;

    /// <summary>How many threads may build graphs; 0: half of the processors.</summary>
    public int IndexThreads { get; set; }

    /// <summary>
    /// How many bytes the vectors of a field may take in memory before <see cref="IndexKind.Automatic"/> keeps them and their graph on disk; half as many may wait in memory for the next checkpoint then.
    /// 0: half of the machine's memory.
    /// </summary>
    public long VectorMemoryBytes { get; set; }

    /// <summary>How many threads a scan of more than 32 MiB may use; 0: all processors.</summary>
    public int ScanThreads { get; set; }

    /// <summary>Where the time comes from: the container's, for the feature.</summary>
    internal TimeProvider Clock = TimeProvider.System;

    /// <summary>Starts a thread by what it does and its name, and gives null where the system allows no more; null for the usual way.</summary>
    internal Func<ThreadStart, string, Thread?>? StartThread;

    /// <summary>What makes vectors of texts, or gives that when it is first needed; both null for nothing.</summary>
    internal IEmbeddingGenerator<string, Embedding<float>>? Generator;
    internal Func<IEmbeddingGenerator<string, Embedding<float>>>? GeneratorSource;

    /// <summary>How vectors are made of texts.</summary>
    internal TextEmbeddingOptions Embedding = new();

    /// <exception cref="ArgumentException">One is out of its range.</exception>
    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Path);
        if (GroupInterval != Timeout.InfiniteTimeSpan && (GroupInterval < TimeSpan.Zero || GroupInterval.TotalMilliseconds >= uint.MaxValue))
        {
            throw new ArgumentException($"{nameof(GroupInterval)} is {GroupInterval}; a time up to 49 days was expected, which is as far as timers go.");
        }
    }

    /// <summary>Embeds texts by a generator: on upsert those of vector fields with a <see cref="VectorField.SourceField"/>, on search those that are given instead of a vector.</summary>
    /// <param name="generator">The generator; it must outlive the database, which does not dispose of it.</param>
    /// <param name="options">How.</param>
    /// <returns>These options.</returns>
    public DatabaseOptions WithEmbeddings(IEmbeddingGenerator<string, Embedding<float>> generator, TextEmbeddingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(generator);
        options ??= new TextEmbeddingOptions();
        options.Validate();
        (Generator, GeneratorSource, Embedding) = (generator, null, options);
        return this;
    }
}
