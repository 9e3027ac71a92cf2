using System.Buffers.Binary;
using System.Text;
using Abi.Compute.Formats;
using Abi.Compute.Memory;
using Abi.Compute.Tensors;

namespace Abi.Llm.Gguf;

/// <summary>Reads the header, metadata and tensor table of one file. Nothing is allocated before the bytes that it needs are known to be there.</summary>
internal sealed unsafe class GgufReader
{
    private const int LongestKey = ushort.MaxValue;

    private readonly TensorMemory _memory;
    private readonly string? _path;
    private long _position;
    private bool _hasShortLengths;

    private GgufReader(TensorMemory memory, string? path)
    {
        _memory = memory;
        _path = path;
    }

    private long Remaining => _memory.Length - _position;

    /// <summary>Reads a file that is in memory or mapped.</summary>
    /// <exception cref="ModelFormatException">It is broken.</exception>
    public static GgufPart Read(TensorMemory memory, string? path)
    {
        var reader = new GgufReader(memory, path);
        var part = reader.Read();
        (memory as MappedFile)?.GiveBack(0, reader._position); // a vocabulary's megabytes, which are copied
        return part;
    }

    private GgufPart Read()
    {
        if (Remaining < 4)
        {
            throw Error($"The file has {_memory.Length} bytes; a GGUF file has at least 24. It is empty or its download was cut off");
        }

        var magic = ReadUInt32();
        if (magic != GgufLayout.Magic)
        {
            _position = 0;
            throw Error(magic == BinaryPrimitives.ReverseEndianness(GgufLayout.Magic)
                ? "The file begins with 'FUGG': its bytes are in the wrong order throughout. Convert it to little-endian"
                : $"The file does not begin with 'GGUF': it is {ForeignFile.Describe(new ReadOnlySpan<byte>((byte*)_memory.Address, (int)Math.Min(_memory.Length, ForeignFile.HeadLength)))}");
        }

        var version = ReadUInt32();
        if (version is 0 or > 3)
        {
            _position = 4;
            throw Error((version & 0xffff) == 0 && version != 0
                ? $"The version reads as {version}, which is {BinaryPrimitives.ReverseEndianness(version)} in big-endian order: this is a big-endian GGUF file. Convert it with gguf_convert_endian.py"
                : $"The file has GGUF version {version}; versions 1 to 3 are supported. It is damaged or newer than this library");
        }

        _hasShortLengths = version == 1;
        var tensorCount = ReadLength(new Place("the tensor count"));
        var keyCount = ReadLength(new Place("the key count"));
        // The smallest key takes its length, one byte of type and one of value; the smallest tensor entry its lengths, type and offset.
        CheckCount(keyCount, LengthSize + 4 + 1, new Place("metadata keys"));
        var metadata = ReadMetadata((int)keyCount);
        CheckCount(tensorCount, LengthSize + 4 + 4 + 8, new Place("tensors"));
        var tensors = ReadTensors((int)tensorCount, metadata);
        return new GgufPart(metadata, tensors, (int)version);
    }

    private int LengthSize => _hasShortLengths ? 4 : 8;

    private GgufMetadata ReadMetadata(int count)
    {
        var values = new List<KeyValuePair<string, GgufValue>>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            var start = _position;
            var key = Encoding.UTF8.GetString(ReadName(new Place("metadata key", Index: i), LongestKey));
            if (!known.Add(key))
            {
                throw Error($"The metadata key '{Short(key)}' appears twice", start);
            }

            values.Add(KeyValuePair.Create(key, ReadValue(ReadType(key), key)));
        }

        return new GgufMetadata(values, _path);
    }

    private GgufValueType ReadType(string key)
    {
        Need(4, new Place("the type of", key));
        var type = ReadUInt32();
        return type <= (uint)GgufValueType.Float64 ? (GgufValueType)type : throw Error($"The metadata key '{Short(key)}' has the unknown value type {type}; 0 to 12 are known", _position - 4);
    }

    private GgufValue ReadValue(GgufValueType type, string key)
    {
        if (type == GgufValueType.String)
        {
            return new GgufValue(type, type, 1, ReadString(new Place("the value of", key)).ToArray(), _hasShortLengths);
        }

        if (type != GgufValueType.Array)
        {
            return new GgufValue(type, type, 1, ReadBytes(GgufLayout.SizeOf(type), new Place("the value of", key)).ToArray(), _hasShortLengths);
        }

        var elementType = ReadType(key);
        var count = ReadLength(new Place("the length of", key));
        var start = _position;
        SkipElements(elementType, count, key, 1);
        if (count > int.MaxValue || _position - start > int.MaxValue)
        {
            throw Error($"The array '{Short(key)}' has {count} elements in {_position - start} bytes; at most 2 GiB are supported", start);
        }

        var bytes = new ReadOnlySpan<byte>((byte*)_memory.Address + start, (int)(_position - start)).ToArray();
        return new GgufValue(type, elementType, (int)count, bytes, _hasShortLengths);
    }

    /// <summary>Checks that all elements of an array are there, and moves behind them.</summary>
    private void SkipElements(GgufValueType type, long count, string key, int depth)
    {
        if (depth > GgufLayout.MaximumNesting)
        {
            throw Error($"The arrays of '{Short(key)}' nest deeper than {GgufLayout.MaximumNesting}");
        }

        var size = type switch { GgufValueType.String => LengthSize, GgufValueType.Array => 4 + LengthSize, _ => GgufLayout.SizeOf(type) };
        CheckCount(count, size, new Place("elements of", key));
        if (type is not (GgufValueType.String or GgufValueType.Array))
        {
            _position += count * size;
            return;
        }

        for (long i = 0; i < count; i++)
        {
            if (type == GgufValueType.String)
            {
                ReadString(new Place("element", key, i));
            }
            else
            {
                var inner = ReadType(key);
                SkipElements(inner, ReadLength(new Place("the length of an array in", key)), key, depth + 1);
            }
        }
    }

    private List<WeightTensor> ReadTensors(int count, GgufMetadata metadata)
    {
        var entries = new List<(string Name, TensorType Type, long[] Shape, long Offset, long Entry)>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            var start = _position;
            var name = Encoding.UTF8.GetString(ReadName(new Place("the name of tensor", Index: i), GgufWriter.MaximumNameLength));
            if (!known.Add(name))
            {
                throw Error($"The tensor '{Short(name)}' appears twice", start);
            }

            Need(4, new Place("the dimensions of tensor", name));
            var dimensions = ReadUInt32();
            if (dimensions is 0 or > 4)
            {
                throw Error($"Tensor '{Short(name)}' has {dimensions} dimensions; 1 to 4 are allowed", _position - 4);
            }

            var shape = new long[dimensions];
            for (var d = 0; d < shape.Length; d++)
            {
                shape[d] = ReadLength(new Place("dimension", name, d));
            }

            Need(12, new Place("the type and offset of tensor", name));
            var type = (TensorType)ReadUInt32();
            var offset = ReadInt64();
            entries.Add((name, type, shape, offset, start));
        }

        var alignment = Alignment(metadata);
        var dataStart = (_position + alignment - 1) / alignment * alignment;
        List<WeightTensor> tensors = [.. entries.Select(entry => MakeTensor(entry, alignment, dataStart))];
        CheckOverlaps(entries.Zip(tensors, (entry, tensor) => (tensor.Name, entry.Offset, tensor.ByteLength, entry.Entry)));
        return tensors;
    }

    /// <summary>Refuses tensors that share bytes: one of the two would be another's numbers.</summary>
    private void CheckOverlaps(IEnumerable<(string Name, long Offset, long Bytes, long Entry)> tensors)
    {
        var (before, end) = (string.Empty, 0L);
        foreach (var (name, offset, bytes, entry) in tensors.OrderBy(tensor => tensor.Offset))
        {
            if (offset < end)
            {
                throw Error($"Tensor '{name}' begins at offset {offset} of the data, inside tensor '{before}', which ends at {end}: the file is damaged, download it again", entry);
            }

            (before, end) = (name, offset + bytes);
        }
    }

    private long Alignment(GgufMetadata metadata)
    {
        if (!metadata.TryGet("general.alignment", out var value))
        {
            return GgufLayout.DefaultAlignment;
        }

        var alignment = value.Type == GgufValueType.UInt32 ? value.AsInt64() : throw Error($"'general.alignment' is {value.Type}; it must be UInt32");
        return alignment is > 0 and <= 1 << 30 && (alignment & (alignment - 1)) == 0 ? alignment : throw Error($"'general.alignment' is {alignment}; it must be a power of two up to 2^30");
    }

    private WeightTensor MakeTensor((string Name, TensorType Type, long[] Shape, long Offset, long Entry) entry, long alignment, long dataStart)
    {
        var (fullName, type, shape, offset, position) = entry;
        var name = Short(fullName);
        if (!BlockFormat.TryGet(type, out var format))
        {
            throw Error($"Tensor '{name}' has the unknown type {(int)type}; known are {string.Join(", ", BlockFormat.All.Select(f => $"{f.Name} ({(int)f.Type})"))}", position);
        }

        UInt128 elements = 1;
        foreach (var length in shape)
        {
            elements *= (UInt128)(ulong)length;
            if (elements > long.MaxValue)
            {
                throw Error($"Tensor '{name}' has the shape [{string.Join(", ", shape)}], whose product does not fit into 63 bits", position);
            }
        }

        if (elements == 0)
        {
            throw Error($"Tensor '{name}' has the shape [{string.Join(", ", shape)}], which has no elements", position);
        }

        if (shape[0] % format.BlockLength != 0)
        {
            throw Error($"Tensor '{name}' is {format.Name}, whose blocks hold {format.BlockLength} elements, but its rows have {shape[0]}", position);
        }

        var bytes = elements / (UInt128)format.BlockLength * (UInt128)format.BlockBytes;
        if (offset < 0 || offset % alignment != 0)
        {
            throw Error($"Tensor '{name}' begins at offset {(ulong)offset} of the data, which is not a multiple of the alignment {alignment}", position);
        }

        return (UInt128)dataStart + (UInt128)offset + bytes <= (UInt128)_memory.Length
            ? new WeightTensor(fullName, type, shape, _memory, dataStart + offset)
            : throw Error($"Tensor '{name}' takes bytes {(UInt128)dataStart + (UInt128)offset} to {(UInt128)dataStart + (UInt128)offset + bytes}, but the file ends at {_memory.Length}: it is truncated, download it again", position);
    }

    private void CheckCount(long count, int smallest, Place what)
    {
        if (count > Remaining / smallest)
        {
            throw Error($"The file claims {count} {what}, but only {Remaining} bytes are left: it is damaged or truncated");
        }
    }

    private void Need(long count, Place what)
    {
        if (count > Remaining)
        {
            throw Error($"The file ends inside {what}: {count} bytes are needed, {Remaining} are left. It is damaged or truncated");
        }
    }

    private ReadOnlySpan<byte> ReadBytes(int count, Place what)
    {
        Need(count, what);
        var bytes = new ReadOnlySpan<byte>((byte*)_memory.Address + _position, count);
        _position += count;
        return bytes;
    }

    private ReadOnlySpan<byte> ReadString(Place what)
    {
        var length = ReadLength(what);
        if (length > Remaining)
        {
            throw Error($"The string of {what} claims {length} bytes, but only {Remaining} are left: the file is damaged or truncated", _position - LengthSize);
        }

        return length <= int.MaxValue ? ReadBytes((int)length, what) : throw Error($"The string of {what} has {length} bytes; at most 2 GiB are supported", _position - LengthSize);
    }

    /// <summary>A key or a tensor's name, which is never empty.</summary>
    private ReadOnlySpan<byte> ReadName(Place what, int longest)
    {
        var start = _position;
        var name = ReadString(what);
        return name.Length >= 1 && name.Length <= longest ? name : throw Error($"The string of {what} has {name.Length} bytes; 1 to {longest} are allowed", start);
    }

    /// <summary>A count or length: 32 bits in version 1, 64 bits since.</summary>
    private long ReadLength(Place what)
    {
        Need(LengthSize, what);
        var value = _hasShortLengths ? ReadUInt32() : ReadInt64();
        return value >= 0 ? value : throw Error($"The value of {what} is {(ulong)value}, which no file can hold", _position - LengthSize);
    }

    private uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(ReadBytes(4, new Place("the header")));

    private long ReadInt64() => BinaryPrimitives.ReadInt64LittleEndian(ReadBytes(8, new Place("the header")));

    /// <summary>A name as an error shows it: it may be as long as the file makes it.</summary>
    private static string Short(string name) => name.Length <= 120 ? name : $"{name[..120]}…";

    private ModelFormatException Error(string message, long? position = null) => new($"{message}.", _path, position ?? _position);

    /// <summary>What is being read; made into words only when something is wrong with it, for files have hundreds of thousands of strings.</summary>
    private readonly record struct Place(string What, string? Owner = null, long Index = -1)
    {
        public override string ToString() => (Owner, Index) switch
        {
            (null, < 0) => What,
            (null, _) => $"{What} {Index}",
            (_, < 0) => $"{What} '{Short(Owner)}'",
            _ => $"{What} {Index} of '{Short(Owner)}'",
        };
    }
}
