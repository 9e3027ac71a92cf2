using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Abi.Testing;

/// <summary>Reads NumPy's .npy files (format 1.0, C order).</summary>
internal static class NpyFile
{
    /// <summary>The shape and the elements of a file whose element type is <typeparamref name="T"/>.</summary>
    public static (int[] Shape, T[] Values) Read<T>(string path)
        where T : unmanaged
    {
        var bytes = File.ReadAllBytes(path);
        var headerLength = BitConverter.ToUInt16(bytes, 8);
        var header = Encoding.ASCII.GetString(bytes, 10, headerLength);
        var shapeText = Regex.Match(header, @"'shape':\s*\(([^)]*)\)").Groups[1].Value;
        int[] shape = [.. shapeText.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(n => int.Parse(n, CultureInfo.InvariantCulture))];
        return (shape, MemoryMarshal.Cast<byte, T>(bytes.AsSpan(10 + headerLength)).ToArray());
    }
}
