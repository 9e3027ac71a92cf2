using Abi.Database.Rows;

namespace Abi.Database.Filters;

/// <summary>Arrays, asked for their elements.</summary>
/// <param name="field">The field.</param>
/// <param name="convert">An element as it is stored, or null when it is none.</param>
internal sealed class ArrayColumn<T>(DataField field, Func<object?, object?> convert) : FieldColumn(field)
    where T : notnull
{
    private readonly SlotArray<T[]?> _values = new(null);

    protected override void GrowValues(int slots) => _values.Grow(slots);

    protected override void SetValue(int slot, object? value) => _values[slot] = (T[]?)value;

    protected override void Compare(FilterOperator @operator, object value, ulong[] bits, int slots)
    {
        if (@operator != FilterOperator.Contains || convert(value) is not T wanted)
        {
            throw Mismatch(@operator, value);
        }

        for (var slot = 0; slot < slots; slot++)
        {
            if (_values[slot] is { } elements && Array.IndexOf(elements, wanted) >= 0)
            {
                bits[slot >> 6] |= 1ul << (slot & 63);
            }
        }
    }

    protected override void EqualAny(object[] values, ulong[] bits, int slots) => throw Mismatch(FilterOperator.In, values[0]);
}
