namespace Abi.Llm.Chat.Jinja;

/// <summary>Names and their values; a name that is not here is looked for in the scope around.</summary>
internal sealed class JinjaScope
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);
    private readonly JinjaScope? _parent;
    private readonly bool _isBlock;

    /// <param name="parent">The scope around.</param>
    /// <param name="names">The scope's own names, which hide those around before they are set.</param>
    /// <param name="isBlock">A block sees what the template has set so far, and not what it has yet to set.</param>
    public JinjaScope(JinjaScope? parent, JinjaNames? names = null, bool isBlock = false)
    {
        _parent = parent;
        _isBlock = isBlock;
        Root = parent?._parent is null ? this : parent.Root;
        foreach (var name in names?.Unset ?? [])
        {
            _values[name] = JinjaSignature.Absent;
        }
    }

    /// <summary>The scope of the template's top level.</summary>
    public JinjaScope Root { get; }

    public void Set(string name, object? value) => _values[name] = value;

    /// <summary>Whether this scope has the name, but no value for it yet.</summary>
    public bool IsUnset(string name) => _values.TryGetValue(name, out var value) && value == JinjaSignature.Absent;

    public bool TryGet(string name, out object? value)
    {
        var inBlock = false;
        for (var scope = this; scope is not null; scope = scope._parent)
        {
            if (scope._values.TryGetValue(name, out value) && (value != JinjaSignature.Absent || !inBlock))
            {
                value = value == JinjaSignature.Absent ? JinjaUndefined.Name(name) : value;
                return true;
            }

            inBlock |= scope._isBlock;
        }

        value = null;
        return false;
    }
}
