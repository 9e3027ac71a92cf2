namespace Abi.Llm.Adapters;

/// <summary>A matrix in plain floats.</summary>
/// <param name="Rows">The rows.</param>
/// <param name="Columns">The columns.</param>
/// <param name="Values">[rows, columns], row after row.</param>
internal sealed record FloatMatrix(int Rows, int Columns, float[] Values)
{
    /// <summary>Rows as columns.</summary>
    public FloatMatrix Transpose()
    {
        var values = new float[Values.Length];
        for (var row = 0; row < Rows; row++)
        {
            for (var column = 0; column < Columns; column++)
            {
                values[(column * Rows) + row] = Values[(row * Columns) + column];
            }
        }

        return new FloatMatrix(Columns, Rows, values);
    }

    /// <summary>
    /// Takes each head's rows from halves (0, d/2, 1, d/2 + 1, … belong together) to neighbours: row i of the first half becomes row 2i, row i of the second row 2i + 1. What conversion
    /// to GGUF does to queries and keys of architectures whose files rotate neighbours.
    /// </summary>
    public FloatMatrix HalvesToNeighbours(int heads)
    {
        var size = Rows / heads;
        var values = new float[Values.Length];
        for (var row = 0; row < Rows; row++)
        {
            var (head, at) = (row / size, row % size);
            var target = at < size / 2 ? 2 * at : (2 * (at - (size / 2))) + 1;
            Values.AsSpan(row * Columns, Columns).CopyTo(values.AsSpan(((head * size) + target) * Columns));
        }

        return this with { Values = values };
    }
}
