using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Abi.Compute.Formats;
using Abi.Compute.Memory;

namespace Abi.Compute.Tensors;

/// <summary>A constant tensor: a view on a mapped file or a buffer, in the block format it was stored in.</summary>
/// <remarks>Immutable and thread-safe; valid until its memory is disposed of.</remarks>
public sealed unsafe class WeightTensor
{
    private readonly TensorMemory _memory;
    private readonly long _offset;

    /// <summary>Makes a view.</summary>
    /// <param name="name">The tensor's name in its file.</param>
    /// <param name="type">The block format.</param>
    /// <param name="shape">1 to 4 lengths, the fastest-varying first, as GGUF writes them: a matrix of GGUF shape [in, out] has <c>out</c> rows of <c>in</c> columns.</param>
    /// <param name="memory">The memory that the view is on.</param>
    /// <param name="offset">The first byte of the tensor in it.</param>
    /// <exception cref="ArgumentException">The shape is not whole blocks or does not fit into the memory.</exception>
    public WeightTensor(string name, TensorType type, ReadOnlySpan<long> shape, TensorMemory memory, long offset)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(memory);
        if (shape.Length is < 1 or > 4)
        {
            throw new ArgumentException($"Tensor '{name}' has {shape.Length} dimensions; 1 to 4 are allowed.", nameof(shape));
        }

        Name = name;
        Format = BlockFormat.Get(type);
        Shape = [.. shape];
        Rows = 1;
        for (var i = 1; i < shape.Length; i++)
        {
            Rows = checked(Rows * shape[i]);
        }

        RowByteLength = Format.RowBytes(Columns);
        ByteLength = checked(RowByteLength * Rows);
        if (offset < 0 || ByteLength < 0 || offset > memory.Length - ByteLength)
        {
            throw new ArgumentException($"Tensor '{name}' of {ByteLength} bytes at {offset} does not fit into {memory.Length} bytes.", nameof(offset));
        }

        _memory = memory;
        _offset = offset;
    }

    /// <summary>The tensor's name in its file.</summary>
    public string Name { get; }

    /// <summary>The block format.</summary>
    public BlockFormat Format { get; }

    /// <summary>The number of the block format.</summary>
    public TensorType Type => Format.Type;

    /// <summary>The lengths, the fastest-varying first.</summary>
    public ImmutableArray<long> Shape { get; }

    /// <summary>The elements of a row: <c>Shape[0]</c>.</summary>
    public long Columns => Shape[0];

    /// <summary>The product of all other lengths.</summary>
    public long Rows { get; }

    /// <summary>The number of elements.</summary>
    public long Count => Columns * Rows;

    /// <summary>The bytes of one row.</summary>
    public long RowByteLength { get; }

    /// <summary>The bytes of the tensor.</summary>
    public long ByteLength { get; }

    /// <summary>The memory that the view is on.</summary>
    public TensorMemory Memory => _memory;

    /// <summary>The first byte of the tensor in its memory.</summary>
    public long Offset => _offset;

    /// <summary>The first byte of the tensor.</summary>
    public byte* Address => (byte*)_memory.Address + _offset;

    /// <summary>Makes a float32 tensor in memory of its own.</summary>
    public static WeightTensor FromFloats(string name, ReadOnlySpan<long> shape, ReadOnlySpan<float> values)
    {
        var buffer = new NativeBuffer(values.Length * sizeof(float));
        values.CopyTo(new Span<float>((void*)buffer.Address, values.Length));
        var tensor = new WeightTensor(name, TensorType.F32, shape, buffer, 0);
        return tensor.Count == values.Length
            ? tensor
            : throw new ArgumentException($"{values.Length} values for a shape of {tensor.Count} elements.", nameof(values));
    }

    /// <summary>The bytes of consecutive rows.</summary>
    public ReadOnlySpan<byte> RowBytes(long row, int count = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(row + count, Rows, nameof(row));
        return new ReadOnlySpan<byte>(Address + (row * RowByteLength), checked((int)(RowByteLength * count)));
    }

    /// <summary>Decodes one row: <paramref name="values"/> is [columns].</summary>
    public void DecodeRow(long row, Span<float> values)
    {
        Format.Decode(RowBytes(row), values);
        GC.KeepAlive(_memory);
    }

    /// <summary>Decodes the whole tensor, row after row: [rows, columns].</summary>
    public float[] ToFloats()
    {
        var values = new float[checked((int)Count)];
        for (long row = 0; row < Rows; row++)
        {
            DecodeRow(row, values.AsSpan(checked((int)(row * Columns)), checked((int)Columns)));
        }

        return values;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {Format.Name} [{string.Join(", ", Shape)}]";
}
