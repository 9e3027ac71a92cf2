using System.Collections.Immutable;
using Abi.Compute.Formats;

namespace Abi.Compute.Devices;

/// <summary>How much state there is, and in which format.</summary>
public sealed record StateOptions
{
    /// <summary>The formats that keys and values can have.</summary>
    public static ImmutableArray<TensorType> CacheTypes { get; } = [TensorType.F32, TensorType.F16, TensorType.Q8_0, TensorType.Q4_0];

    /// <summary>The format of keys, and of values unless <see cref="ValueCacheType"/> says another: one of <see cref="CacheTypes"/>.</summary>
    public TensorType CacheType { get; init; } = TensorType.F16;

    /// <summary>The format of values; unset, that of keys.</summary>
    public TensorType? ValueCacheType { get; init; }

    /// <summary>The number of pages; a page holds <see cref="StateStore.PageLength"/> positions of every layer.</summary>
    public required int Pages { get; init; }

    /// <summary>The number of recurrent states.</summary>
    public int RecurrentSlots { get; init; }

    /// <summary>Throws when a format is none that keys and values can have.</summary>
    /// <exception cref="NotSupportedException">The format is named.</exception>
    public void Validate()
    {
        foreach (var type in (ReadOnlySpan<TensorType>)[CacheType, ValueCacheType ?? CacheType])
        {
            if (!CacheTypes.Contains(type))
            {
                throw new NotSupportedException($"Keys and values are kept as {string.Join(", ", CacheTypes)}, not as {type}.");
            }
        }
    }
}
