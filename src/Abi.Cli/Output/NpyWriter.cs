using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Abi.Cli.Output;

/// <summary>Writes NumPy's .npy files (format 1.0, float32, C order).</summary>
internal static class NpyWriter
{
    private const int PartElements = 1 << 20; // a large array has more bytes than a span can count

    /// <summary>Writes an array; the file appears when it is whole.</summary>
    /// <param name="path">The file.</param>
    /// <param name="shape">The lengths, the slowest-varying first.</param>
    /// <param name="values">The elements, row after row.</param>
    /// <exception cref="AbiException">It cannot be written.</exception>
    public static Task WriteAsync(string path, IReadOnlyList<int> shape, ReadOnlyMemory<float> values)
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new NotSupportedException("Writing .npy files needs a little-endian machine.");
        }

        var lengths = string.Join(", ", shape.Select(length => length.ToString(CultureInfo.InvariantCulture)));
        var header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({lengths}{(shape.Count == 1 ? "," : "")}), }}";
        // Magic, version and length take 10 bytes; the header is padded with spaces so that the data begins at a multiple of 64.
        var padded = header.PadRight(((header.Length + 1 + 10 + 63) / 64 * 64) - 11) + "\n";
        return OutputFile.WriteAsync(path, stream =>
        {
            stream.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)padded.Length, (byte)(padded.Length >> 8)]);
            stream.Write(Encoding.ASCII.GetBytes(padded));
            for (var rest = values.Span; rest.Length > 0;)
            {
                var part = rest[..Math.Min(rest.Length, PartElements)];
                stream.Write(MemoryMarshal.AsBytes(part));
                rest = rest[part.Length..];
            }

            return Task.CompletedTask;
        });
    }
}
