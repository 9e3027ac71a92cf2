using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Products;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Memory;
using Abi.Compute.Scalar;
using Abi.Compute.Tensors;

namespace Abi.Compute.Tests.Cpu.Products;

/// <summary>A random product and what it must be.</summary>
internal sealed unsafe class ProductCase : IDisposable
{
    private readonly List<NativeBuffer> _buffers = [];

    public ProductCase(TensorType type, int columns, int weightRows, int rows, int seed)
    {
        var random = new Random(seed);
        var format = BlockFormat.Get(type);
        X = new float[rows * columns];
        for (var i = 0; i < X.Length; i++)
        {
            X[i] = (float)((random.NextDouble() * 2) - 1) * (i % 7 == 0 ? 4 : 1);
        }

        var bytes = Blocks(format, columns, weightRows, random);
        var buffer = Take(bytes.Length);
        bytes.CopyTo(new Span<byte>((void*)buffer.Address, bytes.Length));
        Weight = new WeightTensor("w", type, [columns, weightRows], buffer, 0);
        (Columns, Rows) = (columns, rows);
    }

    /// <summary>The first rows of another case, with the same weights.</summary>
    public ProductCase(ProductCase whole, int rows)
    {
        (Weight, Columns, Rows) = (whole.Weight, whole.Columns, rows);
        X = whole.X[..(rows * Columns)];
    }

    public WeightTensor Weight { get; }

    public int Columns { get; }

    public int Rows { get; }

    /// <summary>[rows, columns].</summary>
    public float[] X { get; }

    /// <summary>Multiplies with weight rows [firstRow, firstRow + count), asking for outputs in chunks, twice: the second use packs a matrix and must give the same bits: [rows, count].</summary>
    public float[] Multiply(ProductMatrix matrix, int chunk = int.MaxValue)
    {
        var length = ActivationRows.ByteLength(matrix.Form, Columns);
        var x = Take((long)length * Rows);
        var y = Take((long)matrix.Rows * Rows * sizeof(float));
        var scratch = Take(matrix.ScratchBytes);
        var xs = stackalloc byte*[Rows];
        var ys = stackalloc float*[Rows];
        var outputs = new Span<float>((void*)y.Address, matrix.Rows * Rows);
        fixed (float* values = X)
        {
            for (var row = 0; row < Rows; row++)
            {
                xs[row] = (byte*)x.Address + (row * length);
                ys[row] = (float*)y.Address + (row * matrix.Rows);
                ActivationRows.Prepare(matrix.Form, values + (row * Columns), Columns, xs[row]);
            }
        }

        float[] results = [];
        for (var use = 0; use < 2; use++)
        {
            outputs.Fill(float.NaN);
            for (var first = 0; first < matrix.Rows; first += Math.Min(chunk, matrix.Rows))
            {
                matrix.Multiply(xs, ys, Rows, first, Math.Min(chunk, matrix.Rows - first), (byte*)scratch.Address);
            }

            if (use > 0 && !MemoryMarshal.AsBytes(outputs).SequenceEqual(MemoryMarshal.AsBytes(results.AsSpan())))
            {
                throw new InvalidOperationException("The second use of the matrix gave other bits than the first.");
            }

            results = outputs.ToArray();
        }

        return results;
    }

    /// <summary>What the plain device gives for weight rows [firstRow, firstRow + count): [rows, count].</summary>
    public float[] Plain(ActivationPrecision activations, int firstRow, int count)
    {
        var y = new float[Rows * count];
        ScalarProducts.Multiply(X, Rows, Columns, 0, Weight, firstRow, count, y, count, 0, activations);
        return y;
    }

    public void Dispose() => _buffers.ForEach(buffer => buffer.Dispose());

    private static byte[] Blocks(BlockFormat format, int columns, int rows, Random random)
    {
        var rowBytes = (int)format.RowBytes(columns);
        var bytes = new byte[rowBytes * rows];
        var values = new float[columns];
        for (var row = 0; row < rows; row++)
        {
            var blocks = bytes.AsSpan(row * rowBytes, rowBytes);
            if (format.CanEncode && !format.NeedsImportance && !format.Name.StartsWith("IQ", StringComparison.Ordinal))
            {
                for (var i = 0; i < columns; i++)
                {
                    values[i] = (float)((random.NextDouble() * 2) - 1) * (1 + (i % 3));
                }

                format.Encode(values, default, blocks);
            }
            else
            {
                // Random bytes reach every code, but their scales may be anything: rows that are not small numbers are drawn again.
                do
                {
                    random.NextBytes(blocks);
                    format.Decode(blocks, values);
                }
                while (!Array.TrueForAll(values, v => MathF.Abs(v) < 1e6f));
            }
        }

        return bytes;
    }

    private NativeBuffer Take(long length)
    {
        var buffer = new NativeBuffer(length);
        _buffers.Add(buffer);
        return buffer;
    }
}
