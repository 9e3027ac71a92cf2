using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Abi.Database.Schema;
using Abi.Database.Storage;

namespace Abi.Database.Rows;

/// <summary>
/// The bytes of a record without its vectors: [key length i32, key, then for each data field of the schema a byte 0 (none) or 1 and the value]. Values: Boolean byte, Integer i64,
/// Number f64, Text [i32, UTF-8], Date [UTC ticks i64, offset in minutes i32], arrays [count i32, values].
/// </summary>
internal static class RecordCodec
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The key at the head of a record.</summary>
    public static ReadOnlySpan<byte> Key(ReadOnlySpan<byte> payload) => payload.Slice(sizeof(int), BinaryPrimitives.ReadInt32LittleEndian(payload));

    /// <summary>The key at the head of a record that is not known to be whole.</summary>
    /// <exception cref="FormatException">There is none of this kind.</exception>
    public static ReadOnlySpan<byte> CheckedKey(KeyKind kind, ReadOnlySpan<byte> payload)
    {
        var key = new ByteReader(payload).Block();
        var wanted = kind switch
        {
            KeyKind.Guid => 16,
            KeyKind.Integer => sizeof(long),
            _ => key.Length,
        };
        return key.Length == wanted ? key : throw new FormatException($"A key has {key.Length} bytes; one of kind {kind} has {wanted}.");
    }

    /// <summary>What keys of a kind may be given as; first what they are read as.</summary>
    public static List<Type> KeyTypes(KeyKind kind) => kind switch
    {
        KeyKind.Text => [typeof(string)],
        KeyKind.Guid => [typeof(Guid)],
        _ => [typeof(long), typeof(int), typeof(short), typeof(byte), typeof(sbyte), typeof(ushort), typeof(uint), typeof(ulong)],
    };

    public static byte[] EncodeKey(KeyKind kind, object key)
    {
        switch (kind, key)
        {
            case (KeyKind.Text, string text):
                try
                {
                    return Strict.GetBytes(text);
                }
                catch (EncoderFallbackException error)
                {
                    throw new ArgumentException("The key is not valid Unicode: it has half of a surrogate pair.", nameof(key), error);
                }

            case (KeyKind.Guid, Guid guid):
                return guid.ToByteArray();
            case (KeyKind.Integer, long or int or short or byte or sbyte or ushort or uint):
                var bytes = new byte[sizeof(long)];
                BinaryPrimitives.WriteInt64LittleEndian(bytes, Convert.ToInt64(key, CultureInfo.InvariantCulture));
                return bytes;
            case (KeyKind.Integer, ulong number) when number <= long.MaxValue:
                return EncodeKey(kind, (long)number);
            default:
                throw new ArgumentException($"The key '{key}' is a {key?.GetType().Name ?? "null"}; this collection's keys are {kind}.", nameof(key));
        }
    }

    public static object DecodeKey(KeyKind kind, ReadOnlySpan<byte> key) => kind switch
    {
        KeyKind.Text => Encoding.UTF8.GetString(key),
        KeyKind.Guid => new Guid(key),
        _ => BinaryPrimitives.ReadInt64LittleEndian(key),
    };

    /// <summary>Writes a value, after converting what converts without loss.</summary>
    public static void WriteValue(ByteWriter writer, DataField field, object? value)
    {
        if (value is null)
        {
            writer.Byte(0);
            return;
        }

        writer.Byte(1);
        switch (field.Kind)
        {
            case DataKind.Boolean when value is bool boolean:
                writer.Byte(boolean ? (byte)1 : (byte)0);
                break;
            case DataKind.Integer when AsInteger(value) is { } integer:
                writer.Int64(integer);
                break;
            case DataKind.Number when AsNumber(value) is { } number:
                writer.Double(number);
                break;
            case DataKind.Text when value is string text:
                writer.Text(text);
                break;
            case DataKind.Date when AsDate(value) is { } date:
                writer.Int64(date.UtcTicks);
                writer.Int32((int)date.Offset.TotalMinutes);
                break;
            case DataKind.IntegerArray when value is System.Collections.IEnumerable integers && AsArray(integers, AsInteger) is { } array:
                writer.Int32(array.Length);
                Array.ForEach(array, writer.Int64);
                break;
            case DataKind.NumberArray when value is System.Collections.IEnumerable numbers && AsArray(numbers, AsNumber) is { } array:
                writer.Int32(array.Length);
                Array.ForEach(array, writer.Double);
                break;
            case DataKind.TextArray when value is IEnumerable<string> texts:
                string[] all = [.. texts];
                writer.Int32(all.Length);
                foreach (var text in all)
                {
                    writer.Text(text ?? throw new ArgumentException($"The field '{field.Name}' has an element that is null."));
                }

                break;
            default:
                throw new ArgumentException($"The field '{field.Name}' is {field.Kind}; a {value.GetType().Name} does not fit it.");
        }
    }

    public static object? ReadValue(ref ByteReader reader, DataKind kind)
    {
        if (reader.Byte() == 0)
        {
            return null;
        }

        switch (kind)
        {
            case DataKind.Boolean:
                return reader.Byte() != 0;
            case DataKind.Integer:
                return reader.Int64();
            case DataKind.Number:
                return reader.Double();
            case DataKind.Text:
                return reader.Text();
            case DataKind.Date:
                var (ticks, minutes) = (reader.Int64(), reader.Int32());
                try
                {
                    return new DateTimeOffset(ticks, TimeSpan.Zero).ToOffset(TimeSpan.FromMinutes(minutes));
                }
                catch (ArgumentException error)
                {
                    throw new FormatException($"A date of {ticks} ticks and {minutes} minutes is none.", error);
                }

            case DataKind.IntegerArray:
                var integers = new long[reader.Count(8)];
                for (var i = 0; i < integers.Length; i++)
                {
                    integers[i] = reader.Int64();
                }

                return integers;
            case DataKind.NumberArray:
                var numbers = new double[reader.Count(8)];
                for (var i = 0; i < numbers.Length; i++)
                {
                    numbers[i] = reader.Double();
                }

                return numbers;
            default:
                var texts = new string[reader.Count(4)];
                for (var i = 0; i < texts.Length; i++)
                {
                    texts[i] = reader.Text();
                }

                return texts;
        }
    }

    /// <summary>All data values of a record, in the schema's order.</summary>
    public static object?[] ReadValues(CollectionSchema schema, ReadOnlySpan<byte> payload)
    {
        var reader = new ByteReader(payload);
        reader.Block();
        var values = new object?[schema.Data.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = ReadValue(ref reader, schema.Data[i].Kind);
        }

        return values;
    }

    public static long? AsInteger(object? value) => value switch
    {
        long number => number,
        int or short or byte or sbyte or ushort or uint => Convert.ToInt64(value, CultureInfo.InvariantCulture),
        ulong number when number <= long.MaxValue => (long)number,
        Enum => Convert.ToInt64(value, CultureInfo.InvariantCulture),
        _ => null,
    };

    public static double? AsNumber(object? value) => value switch
    {
        double number => number,
        float number => number,
        Half number => (double)number,
        decimal number => (double)number,
        _ => AsInteger(value),
    };

    public static DateTimeOffset? AsDate(object? value) => value switch
    {
        DateTimeOffset date => date,
        DateTime { Kind: DateTimeKind.Unspecified } date => new DateTimeOffset(date, TimeSpan.Zero),
        DateTime date => new DateTimeOffset(date),
        DateOnly date => new DateTimeOffset(date, TimeOnly.MinValue, TimeSpan.Zero),
        _ => null,
    };

    private static T[]? AsArray<T>(System.Collections.IEnumerable values, Func<object?, T?> convert)
        where T : struct
    {
        List<T> all = [];
        foreach (var value in values)
        {
            if (convert(value) is not { } converted)
            {
                return null;
            }

            all.Add(converted);
        }

        return [.. all];
    }
}
