using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Abi.Compute.Formats;
using Abi.Compute.Memory;

namespace Abi.Llm.Adapters;

/// <summary>
/// Reads matrices from a safetensors file (specification: Hugging Face safetensors): an eight-byte length, a JSON header that gives each tensor's type, shape and place, then the data.
/// </summary>
internal sealed unsafe class SafetensorsFile : IDisposable
{
    private const int MaximumHeader = 100_000_000; // the format's own limit
    private readonly MappedFile _file;
    private readonly Dictionary<string, (string Type, long[] Shape, long Start, long End)> _tensors = new(StringComparer.Ordinal);
    private readonly long _dataStart;

    public SafetensorsFile(string path)
    {
        Path = path;
        try
        {
            _file = new MappedFile(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new AbiException($"The file {path} cannot be opened: {exception.Message}", exception);
        }

        try
        {
            _dataStart = ReadHeader();
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public string Path { get; }

    public IReadOnlyCollection<string> Names => _tensors.Keys;

    public bool Contains(string name) => _tensors.ContainsKey(name);

    /// <summary>A matrix as floats.</summary>
    public FloatMatrix Read(string name)
    {
        var (type, shape, start, end) = _tensors[name];
        var format = type switch
        {
            "F32" => TensorType.F32,
            "F16" => TensorType.F16,
            "BF16" => TensorType.BF16,
            _ => throw Error($"Tensor '{name}' is {type}; F32, F16 or BF16 is needed"),
        };
        if (shape.Length != 2)
        {
            throw Error($"Tensor '{name}' has {shape.Length} dimensions; a matrix is needed");
        }

        if (end - start > int.MaxValue || shape[0] > int.MaxValue || shape[1] > int.MaxValue)
        {
            throw Error($"Tensor '{name}' of [{shape[0]}, {shape[1]}] is larger than the matrix of an adapter can be");
        }

        // the product cannot overflow: the lengths were checked against the bytes that are there
        var values = new float[shape[0] * shape[1]];
        BlockFormat.Get(format).Decode(new ReadOnlySpan<byte>((byte*)_file.Address + _dataStart + start, (int)(end - start)), values);
        return new FloatMatrix((int)shape[0], (int)shape[1], values);
    }

    public void Dispose() => _file.Dispose();

    private long ReadHeader()
    {
        if (_file.Length < 8)
        {
            throw Error($"A file of {_file.Length} bytes is too short for safetensors");
        }

        var length = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>((byte*)_file.Address, 8));
        if (length > MaximumHeader || (long)length > _file.Length - 8)
        {
            throw Error($"The header claims {length} bytes; the file has {_file.Length - 8} left");
        }

        try
        {
            var reader = new Utf8JsonReader(new ReadOnlySpan<byte>((byte*)_file.Address + 8, (int)length), new JsonReaderOptions { MaxDepth = 8 });
            using var document = JsonDocument.ParseValue(ref reader);
            foreach (var entry in document.RootElement.EnumerateObject())
            {
                if (!entry.NameEquals("__metadata__"))
                {
                    Add(entry, _file.Length - 8 - (long)length);
                }
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new ModelFormatException($"The header is not that of a safetensors file: {exception.Message}", Path, 8, exception);
        }

        return 8 + (long)length;
    }

    private void Add(JsonProperty entry, long dataLength)
    {
        var type = entry.Value.GetProperty("dtype").GetString() ?? string.Empty;
        var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(length => length.GetInt64()).ToArray();
        var offsets = entry.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt64()).ToArray();
        if (offsets is not [var start, var end] || start < 0 || end < start || end > dataLength)
        {
            throw Error($"Tensor '{entry.Name}' lies at [{string.Join(", ", offsets)}] of {dataLength} bytes");
        }

        Int128 count = 1;
        foreach (var length in shape)
        {
            count = length >= 0 && count <= dataLength ? count * length : throw Error($"Tensor '{entry.Name}' has the shape [{string.Join(", ", shape)}]");
        }

        var size = type switch { "F64" or "I64" or "U64" => 8, "F32" or "I32" or "U32" => 4, "F16" or "BF16" or "I16" or "U16" => 2, _ => 1 };
        if (count * size != end - start)
        {
            throw Error($"Tensor '{entry.Name}' of {type} [{string.Join(", ", shape)}] takes {end - start} bytes");
        }

        if (!_tensors.TryAdd(entry.Name, (type, shape, start, end)))
        {
            throw Error($"Tensor '{entry.Name}' is there twice");
        }
    }

    private ModelFormatException Error(string message) => new(message, Path);
}
