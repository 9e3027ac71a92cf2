namespace Abi.Llm.Chat.Jinja;

/// <summary>A macro that can be called: its definition, and the scope that it was defined in.</summary>
internal sealed class JinjaMacro(JinjaMacroDefinition definition, JinjaScope scope, bool escapesOutput)
{
    public string? Name => definition.Name;

    public object? Get(string name) => name switch
    {
        "name" => Name,
        "arguments" => new JinjaList(definition.Parameters.Select(object? (parameter) => parameter.Name), isTuple: true),
        "catch_kwargs" => definition.TakesMoreNames,
        "catch_varargs" => definition.TakesMore,
        "caller" => definition.Names.Uses("caller"),
        "explicit_caller" => definition.HasOwnCaller,
        _ => JinjaSignature.Absent,
    };

    public object? Invoke(JinjaArguments arguments)
    {
        var inner = new JinjaScope(scope, definition.Names);
        Bind(inner, arguments);
        var before = arguments.Runtime.EscapesOutput;
        arguments.Runtime.EscapesOutput = escapesOutput;
        var parameters = definition.Parameters;
        foreach (var (name, fallback) in parameters)
        {
            if (inner.IsUnset(name))
            {
                inner.Set(name, fallback is null ? new JinjaUndefined($"UndefinedError: parameter '{name}' was not provided") : fallback.Evaluate(inner, arguments.Runtime));
            }
        }

        definition.Body.Capture(inner, arguments.Runtime, out var value);
        arguments.Runtime.EscapesOutput = before;
        var text = JinjaText.ToText(value);
        return before ? new JinjaMarkup(text) : text;
    }

    /// <summary>Arguments by position, then by name; what was not given stays unset.</summary>
    private void Bind(JinjaScope inner, JinjaArguments arguments)
    {
        var (parameters, positional) = (definition.Parameters, arguments.Positional);
        var rest = new OrderedDictionary<string, object?>(arguments.Named, StringComparer.Ordinal);
        for (var i = 0; i < parameters.Count; i++)
        {
            var name = parameters[i].Name;
            var value = i < positional.Count ? positional[i] : rest.Remove(name, out var named) ? named : JinjaSignature.Absent;
            inner.Set(name, value);
        }

        if (definition.TakesCaller)
        {
            inner.Set("caller", rest.Remove("caller", out var caller) && caller is not null ? caller : new JinjaUndefined("UndefinedError: No caller defined"));
        }

        if (definition.TakesMoreNames)
        {
            var names = new JinjaDictionary();
            foreach (var (name, value) in rest)
            {
                names[name] = value;
            }

            inner.Set("kwargs", names);
        }
        else if (rest.Count > 0)
        {
            throw JinjaError.Type($"macro '{Name}' takes no keyword argument '{rest.GetAt(0).Key}'");
        }

        if (definition.TakesMore)
        {
            inner.Set("varargs", new JinjaList(positional.Skip(parameters.Count), isTuple: true));
        }
        else if (positional.Count > parameters.Count)
        {
            throw JinjaError.Type($"macro '{Name}' takes not more than {parameters.Count} argument(s)");
        }
    }
}
