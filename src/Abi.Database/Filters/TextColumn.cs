using System.Collections.Concurrent;
using Abi.Database.Rows;

namespace Abi.Database.Filters;

/// <summary>Texts, as numbers into a list of the different ones: a comparison looks at each text once and at each slot's number. A text that no slot has any more leaves its number to another.</summary>
internal sealed class TextColumn(DataField field) : FieldColumn(field)
{
    private readonly ConcurrentDictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly SlotArray<int> _values = new(0); // 0: none
    private readonly Stack<int> _free = new();
    private string[] _texts = new string[16];         // [0] is not used
    private int[] _uses = new int[16];                // how many slots have each text; the writer's
    private int _count = 1;

    protected override void GrowValues(int slots) => _values.Grow(slots);

    protected override void SetValue(int slot, object? value)
    {
        var before = _values[slot];
        _values[slot] = value is string text ? Use(text) : 0;
        // No reader sees the record that had it, so none looks for it.
        if (before != 0 && --_uses[before] == 0)
        {
            _numbers.TryRemove(_texts[before], out _);
            _texts[before] = "";
            _free.Push(before);
        }
    }

    protected override void Compare(FilterOperator @operator, object value, ulong[] bits, int slots)
    {
        var text = value as string ?? throw Mismatch(@operator, value);
        if (@operator == FilterOperator.Equal)
        {
            if (_numbers.TryGetValue(text, out var number))
            {
                Collect(_values, slot => slot == number, bits);
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

        Collect(_values, holds, bits);
    }

    protected override void EqualAny(object[] values, ulong[] bits, int slots)
    {
        var holds = new bool[Volatile.Read(ref _count)];
        foreach (var value in values)
        {
            if (_numbers.TryGetValue(value as string ?? throw Mismatch(FilterOperator.In, value), out var number) && number < holds.Length)
            {
                holds[number] = true;
            }
        }

        Collect(_values, holds, bits);
    }

    // A number beyond the list was given after the reader's snapshot.
    private static void Collect(SlotArray<int> all, bool[] holds, ulong[] bits) => Collect(all, number => number < holds.Length && holds[number], bits);

    private int Use(string text)
    {
        if (!_numbers.TryGetValue(text, out var number))
        {
            if (!_free.TryPop(out number))
            {
                number = _count;
                if (number == _texts.Length)
                {
                    var grown = new string[number * 2];
                    _texts.CopyTo(grown, 0);
                    Volatile.Write(ref _texts, grown);
                    Array.Resize(ref _uses, number * 2);
                }
            }

            _texts[number] = text;
            Volatile.Write(ref _count, Math.Max(_count, number + 1));
            _numbers[text] = number;
        }

        _uses[number]++;
        return number;
    }
}
