using Abi.Llm.Models;

namespace Abi.Llm;

/// <summary>What a text became: one vector, a vector for each token (without pooling), or the scores of a classification head.</summary>
public sealed record EmbeddingResult
{
    internal EmbeddingResult(ReadOnlyMemory<float> values, int width, int tokenCount, EmbeddingPooling pooling)
    {
        Values = values;
        Width = width;
        TokenCount = tokenCount;
        Pooling = pooling;
    }

    /// <summary>The components, row after row: [<see cref="Rows"/>, <see cref="Width"/>].</summary>
    public ReadOnlyMemory<float> Values { get; }

    /// <summary>The components of a row.</summary>
    public int Width { get; }

    /// <summary>The number of rows: 1, or the number of tokens without pooling.</summary>
    public int Rows => Values.Length / Width;

    /// <summary>The tokens that were computed, special ones included.</summary>
    public int TokenCount { get; }

    /// <summary>The pooling that was used.</summary>
    public EmbeddingPooling Pooling { get; }

    /// <summary>One row: [<see cref="Width"/>].</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public ReadOnlyMemory<float> Row(int row)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Rows);
        return Values.Slice(row * Width, Width);
    }
}
