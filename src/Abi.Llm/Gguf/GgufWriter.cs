using System.Text;
using Abi.Compute.Formats;
using Abi.Compute.Tensors;

namespace Abi.Llm.Gguf;

/// <summary>Writes a model file (GGUF version 3): first everything is declared, then the file is written in one pass, tensor after tensor.</summary>
/// <remarks>
/// The data of a tensor is asked for only when its turn comes, so a model of any size passes through in the memory of what one callback holds.
/// The file appears under its name only when it is whole: it is written beside it and renamed. Not thread-safe.
/// </remarks>
public sealed class GgufWriter
{
    /// <summary>The longest tensor name that llama.cpp reads, in bytes.</summary>
    public const int MaximumNameLength = 63;

    private readonly GgufMetadata _metadata;
    private readonly List<PlannedTensor> _tensors = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly long _alignment;
    private long _dataLength;

    /// <summary>Starts a file with this metadata.</summary>
    /// <param name="metadata">The keys and values. <c>general.alignment</c> is obeyed; keys of split files (<c>split.*</c>) are left out, for the result is one file.</param>
    /// <exception cref="ModelFormatException">The alignment is not a power of two of at least 8 and at most 1 MiB.</exception>
    public GgufWriter(GgufMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        _metadata = metadata.Keys.Where(key => key.StartsWith("split.", StringComparison.Ordinal)).Aggregate(metadata, (rest, key) => rest.Without(key));
        _alignment = metadata.GetInt32("general.alignment", (int)GgufLayout.DefaultAlignment);
        if (_alignment is < 8 or > 1 << 20 || (_alignment & (_alignment - 1)) != 0)
        {
            throw new ModelFormatException($"general.alignment is {_alignment}; a power of two from 8 to {1 << 20} is needed");
        }
    }

    /// <summary>The metadata that is written.</summary>
    public GgufMetadata Metadata => _metadata;

    /// <summary>The bytes of tensor data, padding included.</summary>
    public long DataLength => _dataLength;

    /// <summary>The number of tensors added so far.</summary>
    public int TensorCount => _tensors.Count;

    /// <summary>Adds a tensor whose bytes are copied when the file is written; the tensor's memory must live until then.</summary>
    /// <exception cref="ArgumentException">The name is taken or too long.</exception>
    public void Add(WeightTensor tensor) => Add(tensor?.Name!, tensor!);

    /// <summary>Adds a tensor under another name.</summary>
    /// <exception cref="ArgumentException">The name is taken or too long.</exception>
    public void Add(string name, WeightTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Add(name, tensor.Type, tensor.Shape.AsSpan(), (stream, cancellationToken) =>
        {
            var step = Math.Max(1, (int)Math.Min(tensor.Rows, (1 << 20) / Math.Max(1, tensor.RowByteLength)));
            for (long row = 0; row < tensor.Rows; row += step)
            {
                cancellationToken.ThrowIfCancellationRequested();
                stream.Write(tensor.RowBytes(row, (int)Math.Min(step, tensor.Rows - row)));
            }
        });
    }

    /// <summary>Adds a tensor of bytes.</summary>
    /// <exception cref="ArgumentException">The bytes do not fit the shape, or the name is taken or too long.</exception>
    public void Add(string name, TensorType type, ReadOnlySpan<long> shape, ReadOnlyMemory<byte> data)
    {
        Add(name, type, shape, (stream, _) => stream.Write(data.Span));
        if (_tensors[^1].ByteLength != data.Length)
        {
            throw new ArgumentException($"Tensor '{name}' takes {_tensors[^1].ByteLength} bytes, not {data.Length}.", nameof(data));
        }
    }

    /// <summary>Adds a tensor whose bytes a callback writes when their turn comes.</summary>
    /// <param name="name">The name, at most <see cref="MaximumNameLength"/> bytes of UTF-8.</param>
    /// <param name="type">The block format.</param>
    /// <param name="shape">1 to 4 lengths, the fastest-varying first.</param>
    /// <param name="write">Writes exactly the tensor's bytes to the stream.</param>
    /// <exception cref="ArgumentException">The name is taken or too long, or the shape is not whole blocks.</exception>
    public void Add(string name, TensorType type, ReadOnlySpan<long> shape, Action<Stream, CancellationToken> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(write);
        if (Encoding.UTF8.GetByteCount(name) > MaximumNameLength)
        {
            throw new ArgumentException($"The tensor name '{name}' is longer than {MaximumNameLength} bytes.", nameof(name));
        }

        if (shape.Length is < 1 or > 4)
        {
            throw new ArgumentException($"Tensor '{name}' has {shape.Length} dimensions; 1 to 4 are allowed.", nameof(shape));
        }

        long length = BlockFormat.Get(type).RowBytes(shape[0]);
        foreach (var extent in shape[1..])
        {
            length = checked(length * extent);
        }

        if (length < 0)
        {
            throw new ArgumentException($"Tensor '{name}' has a negative length.", nameof(shape));
        }

        if (!_names.Add(name))
        {
            throw new ArgumentException($"There are two tensors '{name}'.", nameof(name));
        }

        _tensors.Add(new PlannedTensor(name, type, [.. shape], _dataLength, length, write));
        _dataLength = checked(Align(_dataLength + length));
    }

    /// <summary>Writes the file.</summary>
    /// <exception cref="AbiException">The file cannot be written; a file of that name is as it was.</exception>
    /// <exception cref="OperationCanceledException">Writing was cancelled; a file of that name is as it was.</exception>
    public void Write(string path, IProgress<GgufWriteProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using var file = new WholeFile(path, bufferBytes: 1 << 20);
            Write(file.Stream, progress, cancellationToken);
            file.Commit();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AbiException($"The model file '{path}' cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Writes the file to a stream, which need not be seekable.</summary>
    /// <exception cref="InvalidOperationException">A callback wrote more or fewer bytes than its tensor has.</exception>
    public void Write(Stream stream, IProgress<GgufWriteProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var counted = new CountingStream(stream);
        WriteHeader(counted);
        Pad(counted, Align(counted.Position));
        var start = counted.Position;
        for (var i = 0; i < _tensors.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var tensor = _tensors[i];
            counted.Limit = start + tensor.Offset + tensor.ByteLength;
            counted.Owner = tensor.Name;
            tensor.Write(counted, cancellationToken);
            if (counted.Position != counted.Limit)
            {
                throw new InvalidOperationException($"Tensor '{tensor.Name}' has {tensor.ByteLength} bytes; {tensor.ByteLength - (counted.Limit - counted.Position)} were written.");
            }

            counted.Limit = long.MaxValue;
            Pad(counted, start + Align(tensor.Offset + tensor.ByteLength));
            progress?.Report(new GgufWriteProgress(tensor.Name, i + 1, _tensors.Count, counted.Position - start, _dataLength));
        }
    }

    private static void Pad(CountingStream stream, long position)
    {
        Span<byte> zeros = stackalloc byte[256];
        zeros.Clear();
        while (stream.Position < position)
        {
            stream.Write(zeros[..(int)Math.Min(zeros.Length, position - stream.Position)]);
        }
    }

    private static void WriteString(BinaryWriter writer, ReadOnlySpan<byte> utf8)
    {
        writer.Write((ulong)utf8.Length);
        writer.Write(utf8);
    }

    private static void WriteValue(BinaryWriter writer, GgufValue value)
    {
        writer.Write((uint)value.Type);
        if (value.Type == GgufValueType.String)
        {
            WriteString(writer, value.Bytes);
        }
        else if (value.Type == GgufValueType.Array)
        {
            writer.Write((uint)value.ElementType);
            writer.Write((ulong)value.Count);
            if (value.HasShortLengths && value.ElementType is GgufValueType.String or GgufValueType.Array)
            {
                WidenElements(writer, value.ElementType, value.Count, value.Bytes);
            }
            else
            {
                writer.Write(value.Bytes);
            }
        }
        else
        {
            writer.Write(value.Bytes);
        }
    }

    /// <summary>Writes the elements of an array of a version-1 file, whose lengths are 32-bit, with lengths of 64 bits; gives what follows them.</summary>
    private static ReadOnlySpan<byte> WidenElements(BinaryWriter writer, GgufValueType type, long count, ReadOnlySpan<byte> rest)
    {
        for (long i = 0; i < count; i++)
        {
            if (type == GgufValueType.String)
            {
                var length = checked((int)BitConverter.ToUInt32(rest));
                WriteString(writer, rest.Slice(4, length));
                rest = rest[(4 + length)..];
            }
            else if (type == GgufValueType.Array)
            {
                var inner = (GgufValueType)BitConverter.ToUInt32(rest);
                var innerCount = BitConverter.ToUInt32(rest[4..]);
                writer.Write((uint)inner);
                writer.Write((ulong)innerCount);
                rest = WidenElements(writer, inner, innerCount, rest[8..]);
            }
            else
            {
                var size = GgufLayout.SizeOf(type);
                writer.Write(rest[..size]);
                rest = rest[size..];
            }
        }

        return rest;
    }

    private void WriteHeader(Stream stream)
    {
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        writer.Write(GgufLayout.Magic);
        writer.Write(3u);
        writer.Write((ulong)_tensors.Count);
        writer.Write((ulong)_metadata.Keys.Length);
        foreach (var key in _metadata.Keys)
        {
            WriteString(writer, Encoding.UTF8.GetBytes(key));
            WriteValue(writer, _metadata.Get(key));
        }

        foreach (var tensor in _tensors)
        {
            WriteString(writer, Encoding.UTF8.GetBytes(tensor.Name));
            writer.Write((uint)tensor.Shape.Length);
            foreach (var extent in tensor.Shape)
            {
                writer.Write((ulong)extent);
            }

            writer.Write((uint)tensor.Type);
            writer.Write((ulong)tensor.Offset);
        }
    }

    private long Align(long position) => checked(position + _alignment - 1) & -_alignment;

    private sealed record PlannedTensor(string Name, TensorType Type, long[] Shape, long Offset, long ByteLength, Action<Stream, CancellationToken> Write);

    /// <summary>Counts what passes, and refuses a tensor that writes past its end: it would overwrite its neighbour's place.</summary>
    private sealed class CountingStream(Stream target) : Stream
    {
        private long _position;

        public long Limit { get; set; } = long.MaxValue;

        public string Owner { get; set; } = string.Empty;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => _position;

        public override long Position
        {
            get => _position;
            set => throw new NotSupportedException();
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (buffer.Length > Limit - _position)
            {
                throw new InvalidOperationException($"More bytes were written for tensor '{Owner}' than it has.");
            }

            target.Write(buffer);
            _position += buffer.Length;
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush() => target.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
