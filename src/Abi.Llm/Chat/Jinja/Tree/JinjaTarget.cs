namespace Abi.Llm.Chat.Jinja;

/// <summary>What is assigned to: a name, an attribute of a namespace, or several targets at once.</summary>
internal sealed record JinjaTarget(string? Name, string? Attribute, IReadOnlyList<JinjaTarget>? Parts, int Line)
{
    public void Assign(JinjaScope scope, object? value, JinjaRuntime runtime)
    {
        if (Parts is null)
        {
            if (Attribute is null)
            {
                scope.Set(Name!, value);
                return;
            }

            if (!scope.TryGet(Name!, out var target) || target is not JinjaNamespace instance)
            {
                throw new JinjaException(JinjaErrorKind.Runtime, "TemplateRuntimeError: cannot assign attribute on non-namespace object", Line);
            }

            instance.Attributes[Attribute] = value;
            return;
        }

        var items = JinjaOperators.ToList(value, runtime);
        if (items.Count != Parts.Count)
        {
            throw new JinjaException(JinjaErrorKind.Runtime, $"ValueError: {items.Count} values to unpack into {Parts.Count} names", Line);
        }

        for (var i = 0; i < Parts.Count; i++)
        {
            Parts[i].Assign(scope, items[i], runtime);
        }
    }

    /// <summary>The names that are set, not those whose attributes are.</summary>
    public IEnumerable<string> Names() => Parts is not null ? Parts.SelectMany(part => part.Names()) : Attribute is null ? [Name!] : [];

    /// <summary>The namespaces whose attributes are set.</summary>
    public IEnumerable<string> Namespaces() => Parts is not null ? Parts.SelectMany(part => part.Namespaces()) : Attribute is null ? [] : [Name!];
}
