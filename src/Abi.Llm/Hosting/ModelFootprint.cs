using System.Collections.Immutable;

namespace Abi.Llm.Hosting;

/// <summary>The memory that a model takes, in bytes: its files, which models share that are made of the same ones, and what is its own.</summary>
/// <param name="Files">What tells each mapped file from others, and its length.</param>
/// <param name="OwnBytes">State and scratch.</param>
internal sealed record ModelFootprint(ImmutableArray<(object Identity, long Bytes)> Files, long OwnBytes)
{
    /// <summary>What it takes alone.</summary>
    public long TotalBytes => OwnBytes + Files.Sum(static file => file.Bytes);

    /// <summary>What several take together: a file is mapped once, however many are made of it.</summary>
    public static long Sum(IEnumerable<ModelFootprint> footprints)
    {
        HashSet<object> counted = [];
        var bytes = 0L;
        foreach (var footprint in footprints)
        {
            bytes += footprint.OwnBytes + footprint.Files.Sum(file => counted.Add(file.Identity) ? file.Bytes : 0);
        }

        return bytes;
    }
}
