using System.Runtime.Intrinsics;
using Abi.Database.Rows;

namespace Abi.Database.Filters;

/// <summary>Booleans (0 and 1), whole numbers, dates (UTC ticks).</summary>
internal sealed class IntegerColumn(DataField field) : FieldColumn(field)
{
    private readonly SlotArray<long> _values = new(0);

    protected override void GrowValues(int slots) => _values.Grow(slots);

    protected override void SetValue(int slot, object? value) => _values[slot] = value is null ? 0 : ToInteger(value) ?? throw Mismatch(FilterOperator.Equal, value);

    protected override void Compare(FilterOperator @operator, object value, ulong[] bits, int slots)
    {
        var (low, high) = (long.MinValue, long.MaxValue);
        var isEmpty = false;
        if (ToInteger(value) is { } integer)
        {
            isEmpty = (@operator == FilterOperator.LessThan && integer == long.MinValue) || (@operator == FilterOperator.GreaterThan && integer == long.MaxValue);
            (low, high) = @operator switch
            {
                FilterOperator.Equal => (integer, integer),
                FilterOperator.LessThan => (low, isEmpty ? high : integer - 1),
                FilterOperator.LessThanOrEqual => (low, integer),
                FilterOperator.GreaterThan => (isEmpty ? low : integer + 1, high),
                FilterOperator.GreaterThanOrEqual => (integer, high),
                _ => throw Mismatch(@operator, value),
            };
        }
        else if (Field.Kind == DataKind.Integer && value is decimal exact)
        {
            CompareExactly(@operator, exact, bits, slots);
            return;
        }
        else if (Field.Kind == DataKind.Integer && RecordCodec.AsNumber(value) is { } number && !double.IsNaN(number))
        {
            // Between two whole numbers, or beyond all of them: as a number the largest is rounded to one more than it is.
            var (floor, ceiling) = (ToLong(Math.Floor(number)), ToLong(Math.Ceiling(number)));
            (low, high, isEmpty) = @operator switch
            {
                FilterOperator.Equal => (floor, floor, floor != ceiling || floor != number || number >= long.MaxValue),
                FilterOperator.LessThan => (low, number == floor && number < long.MaxValue ? floor - 1 : floor, number <= long.MinValue),
                FilterOperator.LessThanOrEqual => (low, floor, number < long.MinValue),
                FilterOperator.GreaterThan => (number == ceiling ? ceiling + 1 : ceiling, high, number >= long.MaxValue),
                FilterOperator.GreaterThanOrEqual => (ceiling, high, number >= long.MaxValue),
                _ => throw Mismatch(@operator, value),
            };
        }
        else
        {
            throw Mismatch(@operator, value);
        }

        if (!isEmpty)
        {
            Range(low, high, bits, slots);
        }
    }

    protected override void EqualAny(object[] values, ulong[] bits, int slots)
    {
        HashSet<long> wanted = [];
        foreach (var value in values)
        {
            if (ToInteger(value) is { } integer)
            {
                wanted.Add(integer);
            }
            else if (Field.Kind == DataKind.Integer && value is decimal exact)
            {
                if (exact == Math.Floor(exact) && IsAmongIntegers(exact))
                {
                    wanted.Add((long)exact);
                }
            }
            else if (Field.Kind != DataKind.Integer || RecordCodec.AsNumber(value) is not { } number || double.IsNaN(number))
            {
                throw Mismatch(FilterOperator.In, value);
            }
            else if (number == Math.Floor(number) && number is >= long.MinValue and < long.MaxValue)
            {
                wanted.Add((long)number);
            }
        }

        Collect(_values, wanted.Contains, bits);
    }

    private void Range(long low, long high, ulong[] bits, int slots)
    {
        var (lows, highs) = (Vector512.Create(low), Vector512.Create(high));
        for (var word = 0; word < bits.Length; word++)
        {
            var values = _values.Chunk(word >> (SlotArray<long>.Shift - 6)).AsSpan((word << 6) & SlotArray<long>.Mask, 64);
            var result = 0ul;
            for (var i = 0; i < 64; i += 8)
            {
                var eight = Vector512.Create<long>(values[i..]);
                result |= (Vector512.GreaterThanOrEqual(eight, lows) & Vector512.LessThanOrEqual(eight, highs)).ExtractMostSignificantBits() << i;
            }

            bits[word] = result;
        }
    }

    // As a double it would be rounded from 2^53 on.
    private void CompareExactly(FilterOperator @operator, decimal exact, ulong[] bits, int slots)
    {
        if (!IsAmongIntegers(exact))
        {
            Compare(@operator, exact > 0 ? double.PositiveInfinity : double.NegativeInfinity, bits, slots);
        }
        else if (exact == Math.Floor(exact))
        {
            Compare(@operator, (long)exact, bits, slots);
        }
        else if (@operator != FilterOperator.Equal)
        {
            Compare(@operator is FilterOperator.LessThan or FilterOperator.LessThanOrEqual ? FilterOperator.LessThanOrEqual : FilterOperator.GreaterThan, (long)Math.Floor(exact), bits, slots);
        }
    }

    private static bool IsAmongIntegers(decimal exact) => exact is >= long.MinValue and <= long.MaxValue;

    private static long ToLong(double whole) => whole >= long.MaxValue ? long.MaxValue : whole <= long.MinValue ? long.MinValue : (long)whole;

    private long? ToInteger(object value) => Field.Kind switch
    {
        DataKind.Boolean => value is bool boolean ? boolean ? 1 : 0 : null,
        DataKind.Date => RecordCodec.AsDate(value)?.UtcTicks,
        _ => RecordCodec.AsInteger(value),
    };
}
