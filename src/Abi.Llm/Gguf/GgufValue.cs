using System.Buffers.Binary;
using System.Text;

namespace Abi.Llm.Gguf;

/// <summary>A metadata value: its type and its bytes as the file holds them, which are checked when the file is opened and decoded when asked for.</summary>
/// <remarks>Immutable and thread-safe. A value read from a file owns a copy of its bytes, never more than the file holds.</remarks>
public sealed class GgufValue
{
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly bool _hasShortLengths;

    /// <summary>Makes a value over checked bytes.</summary>
    /// <param name="type">The type.</param>
    /// <param name="elementType">For arrays, the type of the elements.</param>
    /// <param name="count">For arrays, the number of elements.</param>
    /// <param name="bytes">The value's bytes: for strings the text alone, for arrays the elements as in the file.</param>
    /// <param name="hasShortLengths">Whether lengths inside are 32-bit (version 1).</param>
    internal GgufValue(GgufValueType type, GgufValueType elementType, int count, ReadOnlyMemory<byte> bytes, bool hasShortLengths)
    {
        Type = type;
        ElementType = elementType;
        Count = count;
        _bytes = bytes;
        _hasShortLengths = hasShortLengths;
    }

    /// <summary>The type.</summary>
    public GgufValueType Type { get; }

    /// <summary>The type of an array's elements; the type itself for anything else.</summary>
    public GgufValueType ElementType { get; }

    /// <summary>The number of an array's elements; 1 for anything else.</summary>
    public int Count { get; }

    /// <summary>The bytes of a string, which need not be UTF-8; of anything else, as the file holds them.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.Span;

    /// <summary>A string value.</summary>
    public static GgufValue Of(string value) => OfUtf8(Encoding.UTF8.GetBytes(value));

    /// <summary>A string value of bytes.</summary>
    public static GgufValue OfUtf8(byte[] value) => new(GgufValueType.String, GgufValueType.String, 1, value, hasShortLengths: false);

    /// <summary>A 32-bit unsigned integer.</summary>
    public static GgufValue Of(uint value) => Scalar(GgufValueType.UInt32, 4, bytes => BinaryPrimitives.WriteUInt32LittleEndian(bytes, value));

    /// <summary>A 32-bit signed integer.</summary>
    public static GgufValue Of(int value) => Scalar(GgufValueType.Int32, 4, bytes => BinaryPrimitives.WriteInt32LittleEndian(bytes, value));

    /// <summary>A 64-bit unsigned integer.</summary>
    public static GgufValue Of(ulong value) => Scalar(GgufValueType.UInt64, 8, bytes => BinaryPrimitives.WriteUInt64LittleEndian(bytes, value));

    /// <summary>A 16-bit unsigned integer.</summary>
    public static GgufValue Of(ushort value) => Scalar(GgufValueType.UInt16, 2, bytes => BinaryPrimitives.WriteUInt16LittleEndian(bytes, value));

    /// <summary>A single-precision number.</summary>
    public static GgufValue Of(float value) => Scalar(GgufValueType.Float32, 4, bytes => BinaryPrimitives.WriteSingleLittleEndian(bytes, value));

    /// <summary>A truth value.</summary>
    public static GgufValue Of(bool value) => new(GgufValueType.Boolean, GgufValueType.Boolean, 1, new[] { (byte)(value ? 1 : 0) }, hasShortLengths: false);

    /// <summary>An array of 32-bit integers.</summary>
    public static GgufValue Of(ReadOnlySpan<int> values)
    {
        var bytes = new byte[values.Length * 4];
        for (var i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(i * 4), values[i]);
        }

        return new GgufValue(GgufValueType.Array, GgufValueType.Int32, values.Length, bytes, hasShortLengths: false);
    }

    /// <summary>An array of single-precision numbers.</summary>
    public static GgufValue Of(ReadOnlySpan<float> values)
    {
        var bytes = new byte[values.Length * 4];
        for (var i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * 4), values[i]);
        }

        return new GgufValue(GgufValueType.Array, GgufValueType.Float32, values.Length, bytes, hasShortLengths: false);
    }

    /// <summary>An array of truth values.</summary>
    public static GgufValue Of(ReadOnlySpan<bool> values)
    {
        var bytes = new byte[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            bytes[i] = (byte)(values[i] ? 1 : 0);
        }

        return new GgufValue(GgufValueType.Array, GgufValueType.Boolean, values.Length, bytes, hasShortLengths: false);
    }

    /// <summary>An array of strings.</summary>
    public static GgufValue Of(IReadOnlyList<string> values) => OfUtf8([.. values.Select(Encoding.UTF8.GetBytes)]);

    /// <summary>An array of strings of bytes.</summary>
    public static GgufValue OfUtf8(IReadOnlyList<byte[]> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        var bytes = new byte[values.Sum(value => 8L + value.Length)];
        var offset = 0;
        foreach (var value in values)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(offset), (ulong)value.Length);
            value.CopyTo(bytes, offset + 8);
            offset += 8 + value.Length;
        }

        return new GgufValue(GgufValueType.Array, GgufValueType.String, values.Count, bytes, hasShortLengths: false);
    }

    /// <summary>The value as text; bytes that are not UTF-8 become U+FFFD.</summary>
    /// <exception cref="InvalidOperationException">It is not a string.</exception>
    public string AsString() => Type == GgufValueType.String ? Encoding.UTF8.GetString(Bytes) : throw Mismatch("a string");

    /// <summary>The value as an integer of any width.</summary>
    /// <exception cref="InvalidOperationException">It is not an integer, or does not fit into 64 signed bits.</exception>
    public long AsInt64() => TryInteger(Type, Bytes, out var value) ? value : throw Mismatch("an integer");

    /// <summary>The value as a number.</summary>
    /// <exception cref="InvalidOperationException">It is not a number.</exception>
    public double AsDouble() => Type switch
    {
        GgufValueType.Float32 => BinaryPrimitives.ReadSingleLittleEndian(Bytes),
        GgufValueType.Float64 => BinaryPrimitives.ReadDoubleLittleEndian(Bytes),
        _ => TryInteger(Type, Bytes, out var value) ? value : throw Mismatch("a number"),
    };

    /// <summary>The value as a truth value.</summary>
    /// <exception cref="InvalidOperationException">It is not one.</exception>
    public bool AsBoolean() => Type == GgufValueType.Boolean ? Bytes[0] != 0 : throw Mismatch("a truth value");

    /// <summary>The elements of an array of integers (or truth values) that fit into 32 signed bits.</summary>
    /// <exception cref="InvalidOperationException">It is no such array.</exception>
    public int[] AsInt32Array()
    {
        var size = GgufLayout.SizeOf(ElementType);
        if (Type != GgufValueType.Array || size == 0)
        {
            throw Mismatch("an array of integers");
        }

        var values = new int[Count];
        for (var i = 0; i < values.Length; i++)
        {
            var element = Bytes.Slice(i * size, size);
            if (ElementType == GgufValueType.Boolean)
            {
                values[i] = element[0];
            }
            else if (!TryInteger(ElementType, element, out var value) || value is < int.MinValue or > int.MaxValue)
            {
                throw Mismatch("an array of 32-bit integers");
            }
            else
            {
                values[i] = (int)value;
            }
        }

        return values;
    }

    /// <summary>The elements of an array of numbers.</summary>
    /// <exception cref="InvalidOperationException">It is no such array.</exception>
    public float[] AsSingleArray()
    {
        if (Type == GgufValueType.Array && ElementType == GgufValueType.Float32)
        {
            var values = new float[Count];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = BinaryPrimitives.ReadSingleLittleEndian(Bytes[(i * 4)..]);
            }

            return values;
        }

        if (Type == GgufValueType.Array && ElementType == GgufValueType.Float64)
        {
            var values = new float[Count];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(Bytes[(i * 8)..]);
            }

            return values;
        }

        return Type == GgufValueType.Array && ElementType is not (GgufValueType.String or GgufValueType.Array) ? Array.ConvertAll(AsInt32Array(), value => (float)value) : throw Mismatch("an array of numbers");
    }

    /// <summary>The elements of an array of strings, as bytes.</summary>
    /// <exception cref="InvalidOperationException">It is no such array.</exception>
    public byte[][] AsUtf8Array()
    {
        var values = new byte[Count][];
        var count = 0;
        foreach (var element in Utf8Elements())
        {
            values[count++] = element.ToArray();
        }

        return values;
    }

    /// <summary>The elements of an array of strings; bytes that are not UTF-8 become U+FFFD.</summary>
    /// <exception cref="InvalidOperationException">It is no such array.</exception>
    public string[] AsStringArray() => Array.ConvertAll(AsUtf8Array(), Encoding.UTF8.GetString);

    /// <inheritdoc/>
    public override string ToString() => Type switch
    {
        GgufValueType.String => AsString(),
        GgufValueType.Boolean => AsBoolean() ? "true" : "false",
        GgufValueType.Float32 or GgufValueType.Float64 => AsDouble().ToString(System.Globalization.CultureInfo.InvariantCulture),
        GgufValueType.Array => $"{ElementType}[{Count}]",
        GgufValueType.UInt64 => BinaryPrimitives.ReadUInt64LittleEndian(Bytes).ToString(System.Globalization.CultureInfo.InvariantCulture),
        _ => AsInt64().ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    /// <summary>The elements of an array of strings as they lie, without making arrays of them.</summary>
    /// <exception cref="InvalidOperationException">It is no such array.</exception>
    internal Utf8Elements Utf8Elements() => Type == GgufValueType.Array && ElementType == GgufValueType.String ? new(Bytes, Count, _hasShortLengths) : throw Mismatch("an array of strings");

    /// <summary>Whether lengths inside are 32-bit (version 1), as a writer must know.</summary>
    internal bool HasShortLengths => _hasShortLengths;

    private static bool TryInteger(GgufValueType type, ReadOnlySpan<byte> bytes, out long value)
    {
        value = type switch
        {
            GgufValueType.UInt8 => bytes[0],
            GgufValueType.Int8 => (sbyte)bytes[0],
            GgufValueType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            GgufValueType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
            GgufValueType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            GgufValueType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
            GgufValueType.UInt64 or GgufValueType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
            _ => 0,
        };
        return type is GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.UInt16 or GgufValueType.Int16 or GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Int64
            || (type == GgufValueType.UInt64 && value >= 0);
    }

    private static GgufValue Scalar(GgufValueType type, int size, Action<byte[]> write)
    {
        var bytes = new byte[size];
        write(bytes);
        return new GgufValue(type, type, 1, bytes, hasShortLengths: false);
    }

    private InvalidOperationException Mismatch(string wanted) => new($"The value is {(Type == GgufValueType.Array ? $"an array of {ElementType}" : Type)}, not {wanted}.");
}
