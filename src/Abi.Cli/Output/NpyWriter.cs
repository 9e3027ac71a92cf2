using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Abi.Cli.Output;

/// <summary>Writes NumPy's .npy files (format 1.0, float32, C order).</summary>
internal static class NpyWriter
{
    /// <summary>Writes an array; the file appears when it is whole.</summary>
    /// <param name="path">The file.</param>
    /// <param name="shape">The lengths, the slowest-varying first.</param>
    /// <param name="values">The elements, row after row.</param>
    /// <exception cref="AbiException">It cannot be written.</exception>
    public static void Write(string path, ReadOnlySpan<int> shape, ReadOnlySpan<float> values)
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new NotSupportedException("Writing .npy files needs a little-endian machine.");
        }

        var lengths = string.Join(", ", shape.ToArray().Select(length => length.ToString(CultureInfo.InvariantCulture)));
        var header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({lengths}{(shape.Length == 1 ? "," : "")}), }}";
        // Magic, version and length take 10 bytes; the header is padded with spaces so that the data begins at a multiple of 64.
        var padded = header.PadRight(((header.Length + 1 + 10 + 63) / 64 * 64) - 11) + "\n";
        var temporary = $"{path}.partial";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write))
            {
                stream.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)padded.Length, (byte)(padded.Length >> 8)]);
                stream.Write(Encoding.ASCII.GetBytes(padded));
                stream.Write(MemoryMarshal.AsBytes(values));
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(temporary))
            {
                File.Delete(temporary);
            }

            throw new AbiException($"The file '{path}' cannot be written: {e.Message}", e);
        }
    }
}
