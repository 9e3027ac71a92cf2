namespace Abi.Llm.Chat.Jinja;

/// <summary>What <c>cycler(...)</c> makes: one item after another, from the first again behind the last.</summary>
internal sealed class JinjaCycler(IReadOnlyList<object?> items)
{
    private int _position;

    public object? Get(string name) => name switch
    {
        "items" => new JinjaList(items, isTuple: true),
        "pos" => (long)_position,
        "current" => items[_position],
        "next" => new JinjaCallable("next", "", _ =>
        {
            var item = items[_position];
            _position = (_position + 1) % items.Count;
            return item;
        }),
        "reset" => new JinjaCallable("reset", "", _ =>
        {
            _position = 0;
            return null;
        }),
        _ => JinjaSignature.Absent,
    };
}
