using System.Buffers.Binary;
using System.Text;
using Abi.Compute.Formats;
using Abi.Compute.Tensors;
using Abi.Llm.Gguf;

namespace Abi.Llm.Quantization;

/// <summary>
/// Importance weights of a model's tensors, as llama-imatrix measures them on a text: for every column of a matrix, the mean square of the activations that it is multiplied with.
/// Read from its GGUF files and from the binary files of older versions.
/// </summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class ImportanceMatrix
{
    private const string Sums = ".in_sum2";
    private const string Counts = ".counts";
    private const int LongestName = 512;

    private ImportanceMatrix(IReadOnlyDictionary<string, float[]> values, string? path)
    {
        Values = values;
        Path = path;
    }

    /// <summary>The file that it was read from.</summary>
    public string? Path { get; }

    /// <summary>The weights by the name of the tensor: [columns], or [experts × columns]; an expert that the text never reached has ones.</summary>
    public IReadOnlyDictionary<string, float[]> Values { get; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="ModelFormatException">It is no importance matrix, or a broken one.</exception>
    /// <exception cref="AbiException">It cannot be opened.</exception>
    public static ImportanceMatrix Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Span<byte> magic = stackalloc byte[4];
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.ReadAtLeast(magic, 4, throwOnEndOfStream: false) == 4 && magic.SequenceEqual("GGUF"u8))
            {
                return ReadGguf(path);
            }

            stream.Position = 0;
            return ReadBinary(stream, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AbiException(File.Exists(path) ? $"The importance matrix '{path}' cannot be read: {e.Message}" : $"There is no importance matrix at '{path}'.", e);
        }
    }

    private static ImportanceMatrix ReadGguf(string path)
    {
        using var file = GgufFile.Open(path);
        var values = new Dictionary<string, float[]>(StringComparer.Ordinal);
        foreach (var sums in file.Tensors.Where(tensor => tensor.Name.EndsWith(Sums, StringComparison.Ordinal)))
        {
            var name = sums.Name[..^Sums.Length];
            var counts = file.FindTensor(name + Counts) ?? throw new ModelFormatException($"The importance matrix has sums for '{name}', but no counts", path);
            if (sums.Type != TensorType.F32 || counts.Type != TensorType.F32 || counts.Count != sums.Rows)
            {
                throw new ModelFormatException($"The importance matrix has sums of [{string.Join(", ", sums.Shape)}] and counts of [{string.Join(", ", counts.Shape)}] for '{name}'; one F32 count a row is expected", path);
            }

            values.Add(name, Means(sums, counts.ToFloats(), name, path));
        }

        return values.Count > 0 ? new ImportanceMatrix(values, path) : throw new ModelFormatException($"The file has no tensor that ends in '{Sums}': it is not an importance matrix", path);
    }

    private static float[] Means(WeightTensor sums, float[] counts, string name, string path)
    {
        var values = sums.ToFloats();
        var columns = (int)sums.Columns;
        for (var expert = 0; expert < counts.Length; expert++)
        {
            var row = values.AsSpan(expert * columns, columns);
            if (counts[expert] > 0)
            {
                foreach (ref var value in row)
                {
                    value /= counts[expert];
                }
            }
            else
            {
                row.Fill(1);
            }
        }

        return Check(values, name, path);
    }

    /// <summary>The older format: a count of entries, then for each the name, the number of calls and the sums, all little-endian.</summary>
    private static ImportanceMatrix ReadBinary(FileStream stream, string path)
    {
        var values = new Dictionary<string, float[]>(StringComparer.Ordinal);
        var entries = ReadInt32(stream, path);
        if (entries < 1)
        {
            throw new ModelFormatException($"The file begins with {entries} entries: it is not an importance matrix", path, 0);
        }

        for (var i = 0; i < entries; i++)
        {
            var name = Encoding.UTF8.GetString(ReadBytes(stream, ReadCount(stream, LongestName, 1, path), path));
            var calls = ReadInt32(stream, path);
            var bytes = ReadBytes(stream, ReadCount(stream, int.MaxValue / sizeof(float), sizeof(float), path) * sizeof(float), path);
            var row = new float[bytes.Length / sizeof(float)];
            for (var j = 0; j < row.Length; j++)
            {
                row[j] = BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(j * sizeof(float))) / Math.Max(calls, 1);
            }

            if (!values.TryAdd(name, Check(row, name, path)))
            {
                throw new ModelFormatException($"The importance matrix has two entries for '{name}'", path, stream.Position);
            }
        }

        return new ImportanceMatrix(values, path);
    }

    private static float[] Check(float[] values, string name, string path) =>
        Array.TrueForAll(values, value => float.IsFinite(value) && value >= 0) ? values : throw new ModelFormatException($"The importance of '{name}' holds numbers that are negative or not finite", path);

    /// <summary>A count that the rest of the file can hold.</summary>
    private static int ReadCount(FileStream stream, int most, int size, string path)
    {
        var at = stream.Position;
        var count = ReadInt32(stream, path);
        return count >= 1 && count <= most && count <= (stream.Length - stream.Position) / size
            ? count
            : throw new ModelFormatException($"The importance matrix claims {count} elements where the file has room for {(stream.Length - stream.Position) / size}: it is broken, or no importance matrix", path, at);
    }

    private static int ReadInt32(FileStream stream, string path) => BinaryPrimitives.ReadInt32LittleEndian(ReadBytes(stream, sizeof(int), path));

    private static byte[] ReadBytes(FileStream stream, int count, string path)
    {
        var bytes = new byte[count];
        return stream.ReadAtLeast(bytes, count, throwOnEndOfStream: false) == count ? bytes : throw new ModelFormatException("The importance matrix ends in the middle of an entry", path, stream.Position);
    }
}
