using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Abi.Database.Exchange;

namespace Abi.Database;

/// <summary>
/// Reads vectors from <c>.npy</c> files (float16, float32, float64, int8, uint8; [records, dimensions], C order) and <c>.fvecs</c> files, one at a time. What a file says of its size is held against the
/// bytes that are there before anything is allocated.
/// </summary>
/// <remarks>For one caller at a time.</remarks>
public sealed class VectorFileReader : IDisposable
{
    private readonly Stream _stream;
    private readonly string _path;
    private readonly string _type;
    private readonly byte[] _row;
    private long _read;

    private VectorFileReader(Stream stream, string path, string type, long count, int dimensions, int bytes)
    {
        (_stream, _path, _type, Count, Dimensions) = (stream, path, type, count, dimensions);
        _row = new byte[bytes];
    }

    /// <summary>The vectors of the file.</summary>
    public long Count { get; }

    /// <summary>The elements of each.</summary>
    public int Dimensions { get; }

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format"><see cref="ExchangeFormat.Npy"/>, <see cref="ExchangeFormat.Fvecs"/>, or by the ending.</param>
    /// <exception cref="ExchangeException">It is damaged, or of another format.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static VectorFileReader Open(string path, ExchangeFormat format = ExchangeFormat.Automatic)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        try
        {
            return Formats.Of(path, format) switch
            {
                ExchangeFormat.Npy => OpenNpy(stream, path),
                ExchangeFormat.Fvecs => OpenFvecs(stream, path),
                var other => throw new ExchangeException($"{other} is no format of vectors alone; Npy or Fvecs was expected.", path),
            };
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Reads the next vector.</summary>
    /// <param name="vector">Where to: <see cref="Dimensions"/> elements.</param>
    /// <returns>False at the end.</returns>
    /// <exception cref="ExchangeException">The file is damaged.</exception>
    public bool Read(Span<float> vector)
    {
        if (vector.Length != Dimensions)
        {
            throw new ArgumentException($"The vector has {vector.Length} elements; the file's have {Dimensions}.", nameof(vector));
        }

        if (_read == Count)
        {
            return false;
        }

        if (_stream.ReadAtLeast(_row, _row.Length, throwOnEndOfStream: false) < _row.Length)
        {
            throw new ExchangeException($"the file ends inside vector {_read}.", _path);
        }

        switch (_type)
        {
            case "fvecs":
                var length = BinaryPrimitives.ReadInt32LittleEndian(_row);
                if (length != Dimensions)
                {
                    throw new ExchangeException($"vector {_read} has {length} elements, the first one {Dimensions}; all must have the same.", _path);
                }

                MemoryMarshal.Cast<byte, float>(_row.AsSpan(sizeof(int))).CopyTo(vector);
                break;
            case "<f4":
                MemoryMarshal.Cast<byte, float>(_row).CopyTo(vector);
                break;
            case "<f2":
                Convert(MemoryMarshal.Cast<byte, Half>(_row), vector, x => (float)x);
                break;
            case "<f8":
                Convert(MemoryMarshal.Cast<byte, double>(_row), vector, x => (float)x);
                break;
            case "|i1":
                Convert(MemoryMarshal.Cast<byte, sbyte>(_row), vector, x => x);
                break;
            default:
                Convert<byte>(_row, vector, x => x);
                break;
        }

        _read++;
        return true;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _stream.Dispose();

    private static VectorFileReader OpenNpy(FileStream stream, string path)
    {
        var header = NpyHeader.Read(stream, path);
        var size = header.Type switch { "<f4" => 4, "<f2" => 2, "<f8" => 8, "|i1" or "|u1" => 1, _ => throw new ExchangeException($"the elements are '{header.Type}'; <f4, <f2, <f8, |i1 or |u1 was expected.", path) };
        var there = stream.Length - header.Length;
        return (Int128)header.Rows * header.Columns * size == there
            ? new VectorFileReader(stream, path, header.Type, header.Rows, header.Columns, header.Columns * size)
            : throw new ExchangeException($"the header tells {header.Rows} × {header.Columns} elements of {size} bytes, but {there} bytes follow.", path);
    }

    private static VectorFileReader OpenFvecs(FileStream stream, string path)
    {
        Span<byte> first = stackalloc byte[sizeof(int)];
        if (stream.ReadAtLeast(first, first.Length, throwOnEndOfStream: false) < first.Length)
        {
            throw new ExchangeException("the file has no vector.", path);
        }

        var dimensions = BinaryPrimitives.ReadInt32LittleEndian(first);
        if (dimensions is < 1 or > 1 << 20)
        {
            throw new ExchangeException($"the first vector has {dimensions} elements; 1 to {1 << 20} were expected. Is this an .fvecs file?", path);
        }

        var bytes = sizeof(int) + (dimensions * sizeof(float));
        if (stream.Length % bytes != 0)
        {
            throw new ExchangeException($"the file has {stream.Length} bytes, which is no multiple of the {bytes} of a vector of {dimensions} elements.", path);
        }

        stream.Position = 0;
        return new VectorFileReader(stream, path, "fvecs", stream.Length / bytes, dimensions, bytes);
    }

    private static void Convert<T>(ReadOnlySpan<T> from, Span<float> to, Func<T, float> convert)
    {
        for (var i = 0; i < from.Length; i++)
        {
            to[i] = convert(from[i]);
        }
    }
}
