namespace Abi.Llm.Chat.Jinja;

/// <summary>What <c>map</c>, <c>select</c> and their like give: elements made as they are asked for, once; Python's generator or iterator.</summary>
/// <param name="Items">The elements.</param>
/// <param name="TypeName">Python's name of its type.</param>
internal sealed record JinjaIterator(IEnumerator<object?> Items, string TypeName = "generator")
{
    public JinjaIterator(IEnumerable<object?> items, string typeName = "generator")
        : this(items.GetEnumerator(), typeName)
    {
    }

    /// <summary>The elements that are left; they are gone once taken.</summary>
    public IEnumerable<object?> Rest()
    {
        while (Items.MoveNext())
        {
            yield return Items.Current;
        }
    }
}
