using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Abi.Testing;

/// <summary>Reads the float32 arrays of a NumPy .npz file.</summary>
internal static class NpzFile
{
    public static Dictionary<string, (int[] Shape, float[] Values)> Read(string path)
    {
        var arrays = new Dictionary<string, (int[], float[])>(StringComparer.Ordinal);
        using var zip = ZipFile.OpenRead(path);
        foreach (var entry in zip.Entries)
        {
            using var stream = entry.Open();
            var bytes = new byte[entry.Length];
            stream.ReadExactly(bytes);
            var headerLength = BitConverter.ToUInt16(bytes, 8);
            var header = Encoding.ASCII.GetString(bytes, 10, headerLength);
            int[] shape = [.. Regex.Match(header, @"'shape':\s*\(([^)]*)\)").Groups[1].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(int.Parse)];
            var data = bytes.AsSpan(10 + headerLength);
            float[] values = Regex.Match(header, @"'descr':\s*'([^']*)'").Groups[1].Value switch
            {
                "<f4" => MemoryMarshal.Cast<byte, float>(data).ToArray(),
                "<f8" => [.. MemoryMarshal.Cast<byte, double>(data).ToArray().Select(v => (float)v)],
                "<i4" => [.. MemoryMarshal.Cast<byte, int>(data).ToArray().Select(v => (float)v)],
                "<i8" => [.. MemoryMarshal.Cast<byte, long>(data).ToArray().Select(v => (float)v)],
                var other => throw new NotSupportedException(other),
            };
            arrays[Path.GetFileNameWithoutExtension(entry.Name)] = (shape, values);
        }

        return arrays;
    }
}
