using System.Runtime.InteropServices;

namespace Abi.Database.Records;

/// <summary>Vectors as users have them and as bytes.</summary>
internal static class VectorCodec
{
    /// <summary>A vector's bytes, checked: the right type and length, finite, and not zero where direction counts.</summary>
    /// <returns>Null for no vector.</returns>
    public static byte[]? Encode(VectorField field, object? vector)
    {
        var bytes = vector switch
        {
            null => null,
            ReadOnlyMemory<float> floats => Floats(field, floats.Span),
            Memory<float> floats => Floats(field, floats.Span),
            float[] floats => Floats(field, floats),
            ReadOnlyMemory<Half> halves when field.Element == VectorElement.Float16 => Raw(halves.Span),
            Half[] halves when field.Element == VectorElement.Float16 => Raw<Half>(halves),
            ReadOnlyMemory<sbyte> bytesSigned when field.Element == VectorElement.Int8 => Raw(bytesSigned.Span),
            sbyte[] bytesSigned when field.Element == VectorElement.Int8 => Raw<sbyte>(bytesSigned),
            ReadOnlyMemory<byte> bits when field.Element == VectorElement.Binary => Raw(bits.Span),
            byte[] bits when field.Element == VectorElement.Binary => Raw<byte>(bits),
            _ => throw WrongType(field, vector.GetType()),
        };
        if (bytes is not null)
        {
            Check(field, bytes);
        }

        return bytes;
    }

    /// <summary>How many bytes a vector of a field has.</summary>
    public static int Bytes(VectorField field) => field.Element switch
    {
        VectorElement.Float32 => field.Dimensions * 4,
        VectorElement.Float16 => field.Dimensions * 2,
        VectorElement.Int8 => field.Dimensions,
        _ => (field.Dimensions + 7) / 8,
    };

    /// <summary>The bytes of float elements.</summary>
    public static byte[] Floats(VectorField field, ReadOnlySpan<float> floats)
    {
        switch (field.Element)
        {
            case VectorElement.Float32:
                return Raw(floats);
            case VectorElement.Float16:
                var halves = new Half[floats.Length];
                for (var i = 0; i < halves.Length; i++)
                {
                    halves[i] = (Half)floats[i];
                }

                return Raw<Half>(halves);
            default:
                throw WrongType(field, typeof(float[]));
        }
    }

    /// <summary>A vector of the type that a property, or the field by itself, has.</summary>
    public static object? Decode(VectorField field, ReadOnlySpan<byte> bytes, Type? type)
    {
        if (bytes.IsEmpty)
        {
            return null;
        }

        return field.Element switch
        {
            VectorElement.Float32 => Shape(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), type),
            VectorElement.Float16 when type == typeof(float[]) || type == typeof(ReadOnlyMemory<float>) || type == typeof(ReadOnlyMemory<float>?) => Shape(Widen(MemoryMarshal.Cast<byte, Half>(bytes)), type),
            VectorElement.Float16 => Shape(MemoryMarshal.Cast<byte, Half>(bytes).ToArray(), type),
            VectorElement.Int8 => Shape(MemoryMarshal.Cast<byte, sbyte>(bytes).ToArray(), type),
            _ => Shape(bytes.ToArray(), type),
        };
    }

    /// <summary>The element type that a property's type means, or null.</summary>
    public static VectorElement? ElementOf(Type type)
    {
        var element = type.IsArray ? type.GetElementType() : (Nullable.GetUnderlyingType(type) ?? type) is { IsGenericType: true } generic && generic.GetGenericTypeDefinition() == typeof(ReadOnlyMemory<>) ? generic.GetGenericArguments()[0] : null;
        return element == typeof(float) ? VectorElement.Float32
            : element == typeof(Half) ? VectorElement.Float16
            : element == typeof(sbyte) ? VectorElement.Int8
            : element == typeof(byte) ? VectorElement.Binary : null;
    }

    /// <summary>Checks a vector's bytes.</summary>
    public static void Check(VectorField field, ReadOnlySpan<byte> bytes)
    {
        var expected = Bytes(field);
        if (bytes.Length != expected)
        {
            throw new ArgumentException($"The vector '{field.Name}' has {(long)bytes.Length * field.Dimensions / expected} elements; {field.Dimensions} were expected.");
        }

        var (isZero, isFinite, isTooLong) = (true, true, false);
        switch (field.Element)
        {
            case VectorElement.Float32:
                var squares = 0.0;
                foreach (var x in MemoryMarshal.Cast<byte, float>(bytes))
                {
                    isFinite &= float.IsFinite(x);
                    squares += (double)x * x;
                }

                // Products of two such vectors, and of their inverse norms, are floats with all their digits.
                isZero = squares < 1e-30;
                isTooLong = squares > 1e36;
                break;
            case VectorElement.Float16:
                foreach (var x in MemoryMarshal.Cast<byte, Half>(bytes))
                {
                    isFinite &= Half.IsFinite(x);
                    isZero &= x == Half.Zero;
                }

                break;
            default:
                isZero = !bytes.ContainsAnyExcept((byte)0);
                break;
        }

        if (!isFinite)
        {
            throw new ArgumentException($"The vector '{field.Name}' has an element that is not a finite number.");
        }

        if (isZero && field.DistanceFunction == DistanceFunction.CosineSimilarity)
        {
            throw new ArgumentException($"The vector '{field.Name}' is zero (or too near to it); cosine similarity has no meaning for it. Leave the vector out, or use another distance function.");
        }

        if (isTooLong && field.DistanceFunction == DistanceFunction.CosineSimilarity)
        {
            throw new ArgumentException($"The vector '{field.Name}' is longer than 1e18: too long to compute its cosine similarity with another one. Divide its elements by the largest of them; that changes no cosine.");
        }

        if (field.Element == VectorElement.Binary && field.Dimensions % 8 != 0 && bytes[^1] >> (field.Dimensions % 8) != 0)
        {
            throw new ArgumentException($"The vector '{field.Name}' has bits set behind its {field.Dimensions} bits.");
        }
    }

    private static byte[] Raw<T>(ReadOnlySpan<T> values)
        where T : unmanaged => MemoryMarshal.AsBytes(values).ToArray();

    private static float[] Widen(ReadOnlySpan<Half> halves)
    {
        var floats = new float[halves.Length];
        for (var i = 0; i < floats.Length; i++)
        {
            floats[i] = (float)halves[i];
        }

        return floats;
    }

    private static object Shape<T>(T[] values, Type? type) => type is not null && type.IsArray ? (object)values : new ReadOnlyMemory<T>(values);

    private static ArgumentException WrongType(VectorField field, Type type) => new($"The vector '{field.Name}' has {field.Element} elements; a {type.Name} does not fit it.");
}
