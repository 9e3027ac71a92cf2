namespace Abi.Llm.Chat.Jinja;

/// <summary>What <c>range</c> makes: numbers by start, end and step, none of them stored.</summary>
internal sealed record JinjaRange(long Start, long Stop, long Step)
{
    public long Count { get; } = (long)Int128.Min(long.MaxValue, Step > 0
        ? Stop > Start ? ((Int128)Stop - Start + Step - 1) / Step : 0
        : Stop < Start ? ((Int128)Start - Stop - (Int128)Step - 1) / -(Int128)Step : 0);

    public long this[long index] => Start + (index * Step);

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

    public bool IsSame(JinjaRange other) => Count == other.Count && (Count == 0 || (Start == other.Start && (Count == 1 || Step == other.Step)));

    public override string ToString() => Step == 1 ? $"range({Start}, {Stop})" : $"range({Start}, {Stop}, {Step})";
}
