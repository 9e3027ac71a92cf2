namespace Abi.Llm.Engine;

/// <summary>What the caller asked to be done with finished vectors.</summary>
internal static class EmbeddingVectors
{
    /// <summary>Cuts and normalises each row.</summary>
    /// <param name="values">[rows, <paramref name="width"/>]; may be changed.</param>
    /// <param name="width">The components that the model gives.</param>
    /// <param name="options">What was asked for.</param>
    /// <returns>[rows, dimensions].</returns>
    public static float[] Finish(float[] values, int width, EmbeddingOptions options)
    {
        var dimensions = options.Dimensions ?? width;
        var rows = values.Length / width;
        var result = dimensions == width ? values : new float[rows * dimensions];
        for (var row = 0; row < rows; row++)
        {
            var vector = result.AsSpan(row * dimensions, dimensions);
            if (dimensions != width)
            {
                values.AsSpan(row * width, dimensions).CopyTo(vector);
            }

            if (options.Normalize)
            {
                Normalize(vector);
            }
        }

        return result;
    }

    private static void Normalize(Span<float> vector)
    {
        var sum = 0.0; // the squares of large components leave the range of float
        foreach (var component in vector)
        {
            sum += (double)component * component;
        }

        var length = Math.Sqrt(sum);
        for (var i = 0; length > 0 && i < vector.Length; i++)
        {
            vector[i] = (float)(vector[i] / length);
        }
    }
}
