using Abi.Database.Rows;

namespace Abi.Database.Filters;

/// <summary>Numbers. Not-a-number compares with nothing.</summary>
internal sealed class NumberColumn(DataField field) : FieldColumn(field)
{
    private readonly SlotArray<double> _values = new(double.NaN);

    public double this[int slot] => _values[slot];

    protected override void GrowValues(int slots) => _values.Grow(slots);

    protected override void SetValue(int slot, object? value) => _values[slot] = RecordCodec.AsNumber(value) ?? double.NaN;

    protected override void Compare(FilterOperator @operator, object value, ulong[] bits, int slots)
    {
        var number = RecordCodec.AsNumber(value) ?? throw Mismatch(@operator, value);
        var (low, high) = @operator switch
        {
            FilterOperator.Equal => (number, number),
            FilterOperator.LessThan => (double.NegativeInfinity, Math.BitDecrement(number)),
            FilterOperator.LessThanOrEqual => (double.NegativeInfinity, number),
            FilterOperator.GreaterThan => (Math.BitIncrement(number), double.PositiveInfinity),
            FilterOperator.GreaterThanOrEqual => (number, double.PositiveInfinity),
            _ => throw Mismatch(@operator, value),
        };
        if ((@operator == FilterOperator.LessThan && double.IsNegativeInfinity(number)) || (@operator == FilterOperator.GreaterThan && double.IsPositiveInfinity(number)))
        {
            return;
        }

        for (var word = 0; word < bits.Length; word++)
        {
            var values = _values.Chunk(word >> (SlotArray<double>.Shift - 6)).AsSpan((word << 6) & SlotArray<double>.Mask, 64);
            var result = 0ul;
            for (var i = 0; i < 64; i++)
            {
                result |= (values[i] >= low & values[i] <= high ? 1ul : 0) << i;
            }

            bits[word] = result;
        }
    }

    protected override void EqualAny(object[] values, ulong[] bits, int slots)
    {
        HashSet<double> wanted = [.. values.Select(value => RecordCodec.AsNumber(value) ?? throw Mismatch(FilterOperator.In, value))];
        wanted.Remove(double.NaN);
        Collect(_values, wanted.Contains, bits);
    }
}
