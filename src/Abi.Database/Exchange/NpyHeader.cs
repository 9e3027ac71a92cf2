using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Abi.Database.Exchange;

/// <summary>The head of a NumPy file (format 1 to 3): type of the elements, order and shape.</summary>
/// <param name="Type">As NumPy writes it: <c>&lt;f4</c>.</param>
/// <param name="Rows">The first dimension, or 1 of an array that has only one.</param>
/// <param name="Columns">The last dimension.</param>
/// <param name="Length">The bytes before the elements.</param>
internal sealed partial record NpyHeader(string Type, long Rows, int Columns, long Length)
{
    private const int LongestHeader = 1 << 16;

    /// <summary>Reads the head; the stream stands behind it then.</summary>
    /// <exception cref="ExchangeException">It is none, or of an array that is not of vectors.</exception>
    public static NpyHeader Read(Stream stream, string path)
    {
        Span<byte> prefix = stackalloc byte[12];
        if (stream.ReadAtLeast(prefix[..10], 10, throwOnEndOfStream: false) < 10 || prefix[0] != 0x93 || !prefix[1..6].SequenceEqual("NUMPY"u8) || prefix[6] is < 1 or > 3)
        {
            throw new ExchangeException("this is no .npy file: it does not begin with \\x93NUMPY and a version from 1 to 3.", path);
        }

        long length = BinaryPrimitives.ReadUInt16LittleEndian(prefix[8..]);
        var start = 10;
        if (prefix[6] > 1)
        {
            if (stream.ReadAtLeast(prefix[10..12], 2, throwOnEndOfStream: false) < 2)
            {
                throw new ExchangeException("the file ends inside its header.", path);
            }

            length = BinaryPrimitives.ReadUInt32LittleEndian(prefix[8..]);
            start = 12;
        }

        if (length > LongestHeader)
        {
            throw new ExchangeException($"the header has {length} bytes; at most {LongestHeader} were expected.", path);
        }

        var bytes = new byte[length];
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
        {
            throw new ExchangeException("the file ends inside its header.", path);
        }

        var text = Encoding.Latin1.GetString(bytes);
        var (type, order, shape) = (TypePattern().Match(text), OrderPattern().Match(text), ShapePattern().Match(text));
        if (!type.Success || !order.Success || !shape.Success)
        {
            throw new ExchangeException("the header does not tell 'descr' (a simple type), 'fortran_order' and 'shape'.", path);
        }

        if (order.Groups["value"].Value == "True")
        {
            throw new ExchangeException("the array is in Fortran order; save it as numpy.ascontiguousarray(…).", path);
        }

        var lengths = shape.Groups["value"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var sizes = new long[lengths.Length];
        for (var i = 0; i < sizes.Length; i++)
        {
            if (!long.TryParse(lengths[i], NumberStyles.None, CultureInfo.InvariantCulture, out sizes[i]))
            {
                throw new ExchangeException($"the shape ({shape.Groups["value"].Value}) has no usable lengths.", path);
            }
        }

        return sizes is [var rows, var columns] && columns is >= 1 and <= 1 << 20 ? new NpyHeader(type.Groups["value"].Value, rows, (int)columns, start + length)
            : sizes is [var single] && single is >= 1 and <= 1 << 20 ? new NpyHeader(type.Groups["value"].Value, 1, (int)single, start + length)
            : throw new ExchangeException($"the array has the shape ({shape.Groups["value"].Value}); [records, dimensions] was expected.", path);
    }

    /// <summary>A head of float32 vectors; it has 128 bytes whatever the shape is, so that it can be written again once the rows are counted.</summary>
    public static byte[] Write(long rows, int columns)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}").PadRight(117) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, 0, .. Encoding.ASCII.GetBytes(text)];
    }

    [GeneratedRegex(@"'descr'\s*:\s*'(?<value>[<|=>][a-z]\d{1,2})'", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex TypePattern();

    [GeneratedRegex(@"'fortran_order'\s*:\s*(?<value>True|False)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex OrderPattern();

    [GeneratedRegex(@"'shape'\s*:\s*\((?<value>[\d, ]*)\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ShapePattern();
}
