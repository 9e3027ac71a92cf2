namespace Abi.Llm.Chat.Jinja;

/// <summary>
/// The parameters of a built-in function, written as words: <c>old new count?</c> takes two arguments and perhaps a third, by position or by name; <c>/</c> before them allows
/// no names, <c>*</c> takes any further arguments and <c>**</c> any further names.
/// </summary>
internal sealed class JinjaSignature
{
    /// <summary>Stands for an argument that was not given.</summary>
    public static readonly object Absent = new();

    private readonly List<(string Name, bool IsOptional)> _parameters = [];
    private readonly bool _byPositionOnly;
    private readonly bool _takesMore;
    private readonly bool _takesMoreNames;

    private JinjaSignature(string words)
    {
        foreach (var word in words.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            switch (word)
            {
                case "/": _byPositionOnly = true; break;
                case "*": _takesMore = true; break;
                case "**": _takesMoreNames = true; break;
                default: _parameters.Add((word.TrimEnd('?'), word.EndsWith('?'))); break;
            }
        }
    }

    public static implicit operator JinjaSignature(string words) => new(words);

    /// <summary>The arguments in the order of the parameters; what was not given is <see cref="Absent"/>.</summary>
    public JinjaArguments Bind(JinjaArguments given)
    {
        if (given.Positional.Count > _parameters.Count && !_takesMore)
        {
            throw JinjaError.Type($"{given.Function}() takes at most {_parameters.Count} arguments ({given.Positional.Count} given)");
        }

        var used = 0;
        List<object?> values = [.. given.Positional];
        for (var i = 0; i < _parameters.Count; i++)
        {
            var (name, isOptional) = _parameters[i];
            object? value = null;
            var isNamed = !_byPositionOnly && given.Named.TryGetValue(name, out value);
            used += isNamed ? 1 : 0;
            if (i < given.Positional.Count)
            {
                _ = isNamed ? throw JinjaError.Type($"{given.Function}() got multiple values for argument '{name}'") : 0;
            }
            else
            {
                values.Add(isNamed ? value : isOptional ? Absent : throw JinjaError.Type($"{given.Function}() missing required argument: '{name}'"));
            }
        }

        return used == given.Named.Count || _takesMoreNames
            ? given with { Positional = values }
            : throw JinjaError.Type($"{given.Function}() got an unexpected keyword argument");
    }
}
