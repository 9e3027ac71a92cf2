using Abi.Database.Rows;

namespace Abi.Database.Filters;

/// <summary>The values of an indexed field, slot by slot. One writer; readers at any time, of slots that they may see.</summary>
internal abstract class FieldColumn(DataField field)
{
    private const int FewValues = 8; // so few are looked for one by one, eight slots at a time

    private readonly SlotArray<ulong> _present = new(0); // bit slot & 63 of word slot >> 6

    public DataField Field { get; } = field;

    public static FieldColumn Of(DataField field) => field.Kind switch
    {
        DataKind.Boolean or DataKind.Integer or DataKind.Date => new IntegerColumn(field),
        DataKind.Number => new NumberColumn(field),
        DataKind.Text => new TextColumn(field),
        DataKind.TextArray => new ArrayColumn<string>(field, value => value as string),
        DataKind.IntegerArray => new ArrayColumn<long>(field, value => RecordCodec.AsInteger(value)),
        _ => new ArrayColumn<double>(field, value => RecordCodec.AsNumber(value)),
    };

    public void Grow(int slots)
    {
        _present.Grow((slots + 63) >> 6);
        GrowValues(slots);
    }

    /// <summary>Sets what a slot has, before a reader may see it.</summary>
    public void Set(int slot, object? value)
    {
        ref var word = ref _present[slot >> 6];
        var bit = 1ul << (slot & 63);
        word = value is null ? word & ~bit : word | bit;
        SetValue(slot, value);
    }

    /// <summary>Sets a bit for each slot below <paramref name="slots"/> for which a comparison holds.</summary>
    public ulong[] Evaluate(Filter filter, int slots)
    {
        var bits = new ulong[(slots + 63) >> 6];
        switch (filter.Operator)
        {
            case FilterOperator.Exists:
            case FilterOperator.NotEqual when filter.Values[0] is null:
                Present(bits);
                break;
            case FilterOperator.Equal when filter.Values[0] is null:
                Present(bits);
                FilterBits.Not(bits);
                break;
            case FilterOperator.NotEqual:
                Compare(FilterOperator.Equal, filter.Values[0]!, bits, slots);
                MaskPresent(bits);
                FilterBits.Not(bits);
                break;
            case FilterOperator.In:
                object[] values = [.. filter.Values.Select(value => value ?? throw Mismatch(filter.Operator, value))];
                if (values.Length > FewValues)
                {
                    EqualAny(values, bits, slots);
                }
                else
                {
                    foreach (var value in values)
                    {
                        var one = new ulong[bits.Length];
                        Compare(FilterOperator.Equal, value, one, slots);
                        FilterBits.Or(bits, one);
                    }
                }

                MaskPresent(bits);
                break;
            default:
                Compare(filter.Operator, filter.Values[0] ?? throw Mismatch(filter.Operator, null), bits, slots);
                MaskPresent(bits);
                break;
        }

        return bits;
    }

    protected abstract void GrowValues(int slots);

    protected abstract void SetValue(int slot, object? value);

    /// <summary>Sets the bits of the slots whose value compares so; what slots without a value get does not matter.</summary>
    protected abstract void Compare(FilterOperator @operator, object value, ulong[] bits, int slots);

    /// <summary>Sets the bits of the slots whose value is one of many, in one pass; what slots without a value get does not matter.</summary>
    protected abstract void EqualAny(object[] values, ulong[] bits, int slots);

    /// <summary>Sets the bits of the slots for whose value a condition holds.</summary>
    protected static void Collect<T>(SlotArray<T> all, Func<T, bool> holds, ulong[] bits)
    {
        for (var word = 0; word < bits.Length; word++)
        {
            var values = all.Chunk(word >> (SlotArray<T>.Shift - 6)).AsSpan((word << 6) & SlotArray<T>.Mask, 64);
            var result = 0ul;
            for (var i = 0; i < 64; i++)
            {
                result |= (holds(values[i]) ? 1ul : 0) << i;
            }

            bits[word] = result;
        }
    }

    protected ArgumentException Mismatch(FilterOperator @operator, object? value) =>
        new($"The filter {@operator} cannot compare the field '{Field.Name}' ({Field.Kind}) with {(value is null ? "null" : $"'{value}' ({value.GetType().Name})")}.");

    private void Present(ulong[] bits)
    {
        for (var word = 0; word < bits.Length; word++)
        {
            bits[word] = _present[word];
        }
    }

    private void MaskPresent(ulong[] bits)
    {
        for (var word = 0; word < bits.Length; word++)
        {
            bits[word] &= _present[word];
        }
    }
}
