using System.Collections.Concurrent;
using Abi.Database.Rows;

namespace Abi.Database.Filters;

/// <summary>Texts, as numbers into a list of the different ones: a comparison looks at each text once and at each slot's number.</summary>
internal sealed class TextColumn(DataField field) : FieldColumn(field)
{
    private readonly ConcurrentDictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly SlotArray<int> _values = new(0); // 0: none
    private string[] _texts = new string[16];         // [0] is not used
    private int _count = 1;

    protected override void GrowValues(int slots) => _values.Grow(slots);

    protected override void SetValue(int slot, object? value)
    {
        if (value is not string text)
        {
            _values[slot] = 0;
            return;
        }

        if (!_numbers.TryGetValue(text, out var number))
        {
            number = _count;
            if (number == _texts.Length)
            {
                var grown = new string[number * 2];
                _texts.CopyTo(grown, 0);
                Volatile.Write(ref _texts, grown);
            }

            _texts[number] = text;
            Volatile.Write(ref _count, number + 1);
            _numbers[text] = number;
        }

        _values[slot] = number;
    }

    protected override void Compare(FilterOperator @operator, object value, ulong[] bits, int slots)
    {
        var text = value as string ?? throw Mismatch(@operator, value);
        if (@operator == FilterOperator.Equal)
        {
            if (_numbers.TryGetValue(text, out var number))
            {
                Collect(slot => slot == number, bits);
            }

            return;
        }

        var count = Volatile.Read(ref _count);
        var texts = Volatile.Read(ref _texts);
        var holds = new bool[count];
        for (var i = 1; i < count; i++)
        {
            holds[i] = @operator switch
            {
                FilterOperator.LessThan => string.CompareOrdinal(texts[i], text) < 0,
                FilterOperator.LessThanOrEqual => string.CompareOrdinal(texts[i], text) <= 0,
                FilterOperator.GreaterThan => string.CompareOrdinal(texts[i], text) > 0,
                FilterOperator.GreaterThanOrEqual => string.CompareOrdinal(texts[i], text) >= 0,
                FilterOperator.StartsWith => texts[i].StartsWith(text, StringComparison.Ordinal),
                FilterOperator.Contains => texts[i].Contains(text, StringComparison.Ordinal),
                _ => throw Mismatch(@operator, value),
            };
        }

        // A number beyond the list was given after the reader's snapshot.
        Collect(number => number < holds.Length && holds[number], bits);
    }

    private void Collect(Func<int, bool> holds, ulong[] bits)
    {
        for (var word = 0; word < bits.Length; word++)
        {
            var values = _values.Chunk(word >> (SlotArray<int>.Shift - 6)).AsSpan((word << 6) & SlotArray<int>.Mask, 64);
            var result = 0ul;
            for (var i = 0; i < 64; i++)
            {
                result |= (holds(values[i]) ? 1ul : 0) << i;
            }

            bits[word] = result;
        }
    }
}
