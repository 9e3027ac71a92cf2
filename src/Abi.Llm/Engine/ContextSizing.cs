using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;

namespace Abi.Llm.Engine;

/// <summary>
/// The memory rule for what is not set. Context: the length the model was trained for, but at most 8,192 tokens and at most what a quarter of the memory holds that the
/// process may use beyond the weights; at least 512. Cache: four contexts as long as they fit into 256 MB, else one.
/// </summary>
public static class ContextSizing
{
    private const int DefaultLimit = 8192;
    private const int Minimum = 512;
    private const long SharedBytes = 256L << 20;

    /// <summary>The context length.</summary>
    /// <param name="asked">What the user set, or null.</param>
    /// <param name="trained">The model's own length; 0 when it names none.</param>
    /// <param name="bytesPerToken">The bytes of keys and values of one token.</param>
    /// <param name="weightBytes">The bytes of the weights.</param>
    /// <param name="memoryBytes">The memory that the process may use.</param>
    public static int ContextLength(int? asked, int trained, long bytesPerToken, long weightBytes, long memoryBytes)
    {
        if (asked is { } length)
        {
            return length;
        }

        var limit = trained > 0 ? Math.Min(trained, DefaultLimit) : DefaultLimit;
        var fitting = bytesPerToken == 0 ? long.MaxValue : Math.Max(memoryBytes - weightBytes, 0) / 4 / bytesPerToken;
        return (int)Math.Min(limit, Math.Max(fitting, Minimum));
    }

    /// <summary>The tokens that all sequences together can hold, in whole pages.</summary>
    public static int CacheTokens(int? asked, int contextLength, long bytesPerToken)
    {
        // one page more than a context: the token that fills it has a place, and so has a copy of a shared page
        var least = (long)contextLength + (2 * StateStore.PageLength);
        var shared = bytesPerToken == 0 ? 4L * contextLength : Math.Min(4L * contextLength, SharedBytes / bytesPerToken);
        return (int)Math.Min(int.MaxValue / 2, Math.Max(least, asked ?? shared));
    }

    /// <summary>The recurrent states to keep: one a sequence, as long as they fit into 256 MB; at least two.</summary>
    public static int RecurrentSlots(StateLayout layout, int maximumSequences)
    {
        ArgumentNullException.ThrowIfNull(layout);
        if (layout.IsPositional)
        {
            return 0;
        }

        var bytes = layout.Recurrent.Sum(layer => (long)layer.Floats) * sizeof(float);
        return (int)Math.Clamp(SharedBytes / Math.Max(bytes, 1), 2, Math.Max(2, maximumSequences));
    }

    /// <summary>The recurrent states to remember of texts for others that begin like them: as many as fit into 256 MB, at most 64.</summary>
    public static int Checkpoints(StateLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        return layout.IsPositional ? 0 : (int)Math.Clamp(SharedBytes / Math.Max(layout.Recurrent.Sum(static layer => (long)layer.Floats) * sizeof(float), 1), 1, 64);
    }

    /// <summary>The bytes of keys and values of one token, over all layers.</summary>
    /// <param name="layout">The model's state.</param>
    /// <param name="keyType">The format of keys.</param>
    /// <param name="valueType">The format of values.</param>
    public static long BytesPerToken(StateLayout layout, TensorType keyType, TensorType valueType)
    {
        ArgumentNullException.ThrowIfNull(layout);
        return layout.PositionBytes(keyType, valueType);
    }
}
