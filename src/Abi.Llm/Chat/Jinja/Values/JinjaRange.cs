namespace Abi.Llm.Chat.Jinja;

/// <summary>What <c>range</c> makes: numbers by start, end and step, none of them stored.</summary>
/// <remarks>The elements have 64 bits; ends and steps of slices may need more.</remarks>
internal sealed record JinjaRange(Int128 Start, Int128 Stop, Int128 Step)
{
    public long Count { get; } = (long)Int128.Min(long.MaxValue, Step > 0
        ? Stop > Start ? (Stop - Start + Step - 1) / Step : 0
        : Stop < Start ? (Start - Stop - Step - 1) / -Step : 0);

    /// <summary>A step that is greater than the distance of any two elements.</summary>
    private static Int128 LargestStep => Int128.One << 100;

    public long this[long index] => (long)At(index);

    /// <summary>The elements from one index to another, by a step of indices.</summary>
    public JinjaRange Slice(long from, long to, long by) => new(At(from), At(to), Int128.Clamp(Step * by, -LargestStep, LargestStep));

    public JinjaRange Reversed() => Slice(Count - 1, -1, -1);

    public IEnumerable<object?> Items()
    {
        for (long i = 0; i < Count; i++)
        {
            yield return this[i];
        }
    }

    public long IndexOf(object? value)
    {
        if (!JinjaNumbers.IsNumber(value) || Count == 0 || JinjaNumbers.Compare(value!, long.MinValue) is null or < 0 || JinjaNumbers.Compare(value!, long.MaxValue) > 0)
        {
            return -1;
        }

        if (value is double number && number != Math.Floor(number))
        {
            return -1;
        }

        var offset = (Int128)(value is double d ? (long)d : JinjaNumbers.ToInteger(value, "range")) - Start;
        return offset % Step == 0 && offset / Step is var index && index >= 0 && index < Count ? (long)index : -1;
    }

    private Int128 At(long index) => Start + (index * Step);

    public bool IsSame(JinjaRange other) => Count == other.Count && (Count == 0 || (Start == other.Start && (Count == 1 || Step == other.Step)));

    public override string ToString() => Step == 1 ? $"range({Start}, {Stop})" : $"range({Start}, {Stop}, {Step})";
}
