using System.Collections.Immutable;
using System.Globalization;

namespace Abi.Database.Records;

/// <summary>The .NET types that properties of records may have. For mappers of records outside this assembly, too.</summary>
public static class RecordTypes
{
    private const double GreatestDecimal = (double)decimal.MaxValue; // as it is stored: rounded to more than a decimal holds

    /// <summary>The kind of keys that a property's type means; null when it is no type of a key.</summary>
    public static KeyKind? KeyKindOf(Type type)
    {
        ArgumentNullException.ThrowIfNull(type);
        return type == typeof(string) ? KeyKind.Text : type == typeof(Guid) ? KeyKind.Guid : IsInteger(type) ? KeyKind.Integer : null;
    }

    /// <summary>The kind of data that a property's type means, be it nullable or not; null when it is no type of a data field.</summary>
    public static DataKind? DataKindOf(Type type)
    {
        ArgumentNullException.ThrowIfNull(type);
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type == typeof(bool) ? DataKind.Boolean
            : type == typeof(string) ? DataKind.Text
            : type == typeof(double) || type == typeof(float) || type == typeof(Half) || type == typeof(decimal) ? DataKind.Number
            : type == typeof(DateTime) || type == typeof(DateTimeOffset) || type == typeof(DateOnly) ? DataKind.Date
            : type == typeof(string[]) || type == typeof(List<string>) || type == typeof(ImmutableArray<string>) ? DataKind.TextArray
            : type == typeof(double[]) || type == typeof(float[]) || type == typeof(List<double>) ? DataKind.NumberArray
            : type == typeof(long[]) || type == typeof(int[]) || type == typeof(List<long>) || type == typeof(List<int>) ? DataKind.IntegerArray
            : IsInteger(type) || type.IsEnum ? DataKind.Integer
            : null;
    }

    /// <summary>The elements that a property's type means: an array or a <see cref="ReadOnlyMemory{T}"/> of <see cref="float"/>, <see cref="Half"/>, <see cref="sbyte"/>, or <see cref="byte"/> for bits; null when it is no type of a vector.</summary>
    public static VectorElement? VectorElementOf(Type type)
    {
        ArgumentNullException.ThrowIfNull(type);
        return VectorCodec.ElementOf(type);
    }

    /// <summary>What a property holds as a value to store: null where it is none, which an <see cref="ImmutableArray{T}"/> that was never set and an empty <see cref="ReadOnlyMemory{T}"/> are, too.</summary>
    public static object? FromProperty(object? value) => value is ImmutableArray<string> { IsDefault: true }
        or ReadOnlyMemory<float> { IsEmpty: true } or ReadOnlyMemory<Half> { IsEmpty: true } or ReadOnlyMemory<sbyte> { IsEmpty: true } or ReadOnlyMemory<byte> { IsEmpty: true } ? null : value;

    /// <summary>A key or a value as it is stored, as a property of a type holds it: a <see cref="long"/> as an <see cref="int"/> or an enumeration, an array as a list, and so on.</summary>
    /// <param name="value">The value: a <see cref="bool"/>, <see cref="long"/>, <see cref="double"/>, <see cref="string"/>, <see cref="DateTimeOffset"/>, <see cref="Guid"/>, or an array.</param>
    /// <param name="type">The property's type, for which <see cref="DataKindOf"/> or <see cref="KeyKindOf"/> gives the value's kind.</param>
    /// <exception cref="OverflowException">The number does not fit the type.</exception>
    public static object ToProperty(object value, Type type)
    {
        ArgumentNullException.ThrowIfNull(type);
        type = Nullable.GetUnderlyingType(type) ?? type;
        return value switch
        {
            long integer when type.IsEnum => Enum.ToObject(type, integer),
            long integer => Convert.ChangeType(integer, type, CultureInfo.InvariantCulture),
            double number when type == typeof(Half) => (Half)number,
            GreatestDecimal when type == typeof(decimal) => decimal.MaxValue,
            -GreatestDecimal when type == typeof(decimal) => decimal.MinValue,
            double number => Convert.ChangeType(number, type, CultureInfo.InvariantCulture),
            DateTimeOffset date when type == typeof(DateTime) => date.UtcDateTime,
            DateTimeOffset date when type == typeof(DateOnly) => DateOnly.FromDateTime(date.UtcDateTime),
            long[] integers when type == typeof(int[]) => Array.ConvertAll(integers, checked(i => (int)i)),
            long[] integers when type == typeof(List<int>) => integers.Select(i => checked((int)i)).ToList(),
            long[] integers when type == typeof(List<long>) => integers.ToList(),
            double[] numbers when type == typeof(float[]) => Array.ConvertAll(numbers, i => (float)i),
            double[] numbers when type == typeof(List<double>) => numbers.ToList(),
            string[] texts when type == typeof(List<string>) => texts.ToList(),
            string[] texts when type == typeof(ImmutableArray<string>) => ImmutableArray.Create(texts),
            _ => value,
        };
    }

    private static bool IsInteger(Type type) =>
        type == typeof(int) || type == typeof(long) || type == typeof(short) || type == typeof(byte) || type == typeof(sbyte) || type == typeof(ushort) || type == typeof(uint) || type == typeof(ulong);
}
