namespace Abi.Llm.Chat.Jinja;

/// <summary>A list or a tuple; not changed once made.</summary>
internal sealed class JinjaList : List<object?>
{
    public JinjaList(bool isTuple = false) => IsTuple = isTuple;

    public JinjaList(IEnumerable<object?> items, bool isTuple = false)
        : base(items) => IsTuple = isTuple;

    public bool IsTuple { get; }

    /// <summary>A group of <c>groupby</c>: a tuple whose parts are also called <c>grouper</c> and <c>list</c>.</summary>
    public bool IsGroup { get; init; }
}
