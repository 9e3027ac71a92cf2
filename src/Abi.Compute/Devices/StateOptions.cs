using Abi.Compute.Formats;

namespace Abi.Compute.Devices;

/// <summary>How much state there is, and in which format.</summary>
public sealed record StateOptions
{
    /// <summary>The format of keys and values: F32 or F16.</summary>
    public TensorType CacheType { get; init; } = TensorType.F16;

    /// <summary>The number of pages; a page holds <see cref="StateStore.PageLength"/> positions of every layer.</summary>
    public required int Pages { get; init; }

    /// <summary>The number of recurrent states.</summary>
    public int RecurrentSlots { get; init; }
}
