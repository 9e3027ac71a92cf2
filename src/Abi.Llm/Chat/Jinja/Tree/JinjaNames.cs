namespace Abi.Llm.Chat.Jinja;

/// <summary>
/// The names of one scope (a loop's body, a macro, a block), found while parsing. Jinja decides per scope, not per statement, what a name means: one that the scope sets before it
/// reads it, and that no scope around mentions, is the scope's own from its start, also where a scope inside reads it before it is set.
/// </summary>
internal sealed class JinjaNames(JinjaNames? parent)
{
    /// <summary>The names, and whether each is set before it is read.</summary>
    private readonly Dictionary<string, bool> _names = new(StringComparer.Ordinal);
    private readonly HashSet<string> _watched = new(StringComparer.Ordinal);
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);

    public JinjaNames? Parent { get; } = parent;

    /// <summary>How many branches of <c>if</c> are open: what is set in one of them only is not the scope's own from its start.</summary>
    public int Branches { get; set; }

    /// <summary>The names that are the scope's own but not set yet when it starts; known once all of the template is parsed.</summary>
    public IReadOnlyList<string> Unset { get; private set; } = [];

    /// <summary>Notes from here on which of these names are read in this scope and those inside of it before anything sets them.</summary>
    public void Watch(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            _watched.Add(name);
        }
    }

    public bool Uses(string name) => _used.Contains(name);

    public void Load(string name)
    {
        _names.TryAdd(name, false);
        for (var scope = this; scope is not null; scope = scope.Parent)
        {
            _ = scope._watched.Contains(name) && scope._used.Add(name);
        }
    }

    public void Store(string name)
    {
        _names.TryAdd(name, Branches == 0);
        Unwatch(name);
    }

    /// <summary>A name that the scope starts with a value for: a parameter, a loop's target.</summary>
    public void Declare(string name)
    {
        _names[name] = false;
        Unwatch(name);
    }

    public void Complete() => Unset = [.. _names.Where(entry => entry.Value && !IsKnownAround(entry.Key)).Select(entry => entry.Key)];

    private void Unwatch(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Parent)
        {
            scope._watched.Remove(name);
        }
    }

    private bool IsKnownAround(string name)
    {
        for (var scope = Parent; scope is not null; scope = scope.Parent)
        {
            if (scope._names.ContainsKey(name))
            {
                return true;
            }
        }

        return false;
    }
}
