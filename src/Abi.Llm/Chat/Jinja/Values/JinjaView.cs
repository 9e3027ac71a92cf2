namespace Abi.Llm.Chat.Jinja;

/// <summary>What <c>keys()</c>, <c>values()</c> and <c>items()</c> of a dictionary give.</summary>
/// <param name="Name">Which of the three.</param>
/// <param name="Dictionary">Whose.</param>
internal sealed record JinjaView(string Name, JinjaDictionary Dictionary)
{
    public IEnumerable<object?> Items() => Name switch
    {
        "keys" => Dictionary.Keys,
        "values" => Dictionary.Values,
        _ => Dictionary.Entries.Select(object? (entry) => new JinjaList([entry.Key, entry.Value], isTuple: true)),
    };

    public bool Contains(object? item) => Name switch
    {
        "keys" => Dictionary.TryGet(item, out _),
        "values" => Dictionary.Values.Any(value => JinjaOperators.AreEqual(value, item)),
        _ => item is JinjaList { IsTuple: true, Count: 2 } pair && Dictionary.TryGet(pair[0], out var value) && JinjaOperators.AreEqual(value, pair[1]),
    };
}
