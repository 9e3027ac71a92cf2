using System.Text;

#pragma warning disable MA0048 // the statement nodes of one small language read best together

namespace Abi.Llm.Chat.Jinja;

/// <summary>How a statement ended: <c>break</c> and <c>continue</c> travel up to their loop.</summary>
internal enum JinjaFlow
{
    Next,
    Break,
    Continue,
}

/// <summary>A part of a template that writes output or sets names.</summary>
internal abstract record JinjaStatement
{
    public abstract JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output);
}

internal sealed record DataStatement(string Text) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        runtime.Step();
        runtime.Write(output, Text);
        return JinjaFlow.Next;
    }
}

internal sealed record PrintStatement(JinjaExpression Value) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        runtime.Write(output, JinjaText.ToText(Value.Evaluate(scope, runtime)));
        return JinjaFlow.Next;
    }
}

internal sealed record BlockStatement(IReadOnlyList<JinjaStatement> Statements) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        foreach (var statement in Statements)
        {
            var flow = statement.Render(scope, runtime, output);
            if (flow != JinjaFlow.Next)
            {
                return flow;
            }
        }

        return JinjaFlow.Next;
    }

    public string Capture(JinjaScope scope, JinjaRuntime runtime)
    {
        var output = new StringBuilder();
        Render(scope, runtime, output);
        return output.ToString();
    }
}

internal sealed record IfStatement(IReadOnlyList<(JinjaExpression Condition, BlockStatement Body)> Branches, BlockStatement? Else) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        foreach (var (condition, body) in Branches)
        {
            if (JinjaOperators.IsTrue(condition.Evaluate(scope, runtime)))
            {
                return body.Render(scope, runtime, output);
            }
        }

        return Else?.Render(scope, runtime, output) ?? JinjaFlow.Next;
    }
}

internal sealed record ForStatement(JinjaTarget Target, JinjaExpression Items, JinjaExpression? Filter, BlockStatement Body, BlockStatement? Else, bool IsRecursive) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        Render(Items.Evaluate(scope, runtime), scope, runtime, output, 0);
        return JinjaFlow.Next;
    }

    private void Render(object? value, JinjaScope scope, JinjaRuntime runtime, StringBuilder output, int depth)
    {
        var items = JinjaOperators.Iterate(JinjaMarkup.Unwrap(value));
        if (Filter is not null)
        {
            items = new JinjaList(items.Where(item =>
            {
                var inner = new JinjaScope(scope);
                Target.Assign(inner, item);
                return JinjaOperators.IsTrue(Filter.Evaluate(inner, runtime));
            }));
        }

        var loop = new JinjaLoop(items, depth, IsRecursive ? Recurse : null);
        for (; loop.Index < items.Count; loop.Index++)
        {
            runtime.Step();
            var inner = new JinjaScope(scope);
            inner.Set("loop", loop);
            Target.Assign(inner, items[loop.Index]);
            if (Body.Render(inner, runtime, output) == JinjaFlow.Break)
            {
                break;
            }
        }

        if (items.Count == 0)
        {
            Else?.Render(scope, runtime, output);
        }

        string Recurse(object? children)
        {
            var text = new StringBuilder();
            Render(children, scope, runtime, text, depth + 1);
            return text.ToString();
        }
    }
}

internal sealed record LoopControlStatement(JinjaFlow Flow) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output) => Flow;
}

internal sealed record SetStatement(JinjaTarget Target, JinjaExpression Value) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        Target.Assign(scope, Value.Evaluate(scope, runtime));
        return JinjaFlow.Next;
    }
}

internal sealed record SetBlockStatement(JinjaTarget Target, IReadOnlyList<FilterExpression> Filters, BlockStatement Body) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        object? value = Body.Capture(new JinjaScope(scope), runtime);
        foreach (var filter in Filters)
        {
            value = filter.Apply(value, scope, runtime);
        }

        Target.Assign(scope, value);
        return JinjaFlow.Next;
    }
}

internal sealed record FilterStatement(IReadOnlyList<FilterExpression> Filters, BlockStatement Body) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        object? value = Body.Capture(new JinjaScope(scope), runtime);
        foreach (var filter in Filters)
        {
            value = filter.Apply(value, scope, runtime);
        }

        runtime.Write(output, JinjaText.ToText(value));
        return JinjaFlow.Next;
    }
}

internal sealed record WithStatement(IReadOnlyList<(JinjaTarget Target, JinjaExpression Value)> Bindings, BlockStatement Body) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        var inner = new JinjaScope(scope);
        foreach (var (target, value) in Bindings)
        {
            target.Assign(inner, value.Evaluate(scope, runtime));
        }

        return Body.Render(inner, runtime, output);
    }
}

/// <summary>A macro's parameters and body; also the body of a <c>call</c> block.</summary>
internal sealed record MacroStatement(string Name, IReadOnlyList<(string Name, JinjaExpression? Default)> Parameters, BlockStatement Body) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        scope.Set(Name, Bind(scope, runtime));
        return JinjaFlow.Next;
    }

    public JinjaCallable Bind(JinjaScope scope, JinjaRuntime runtime) => new(Name, arguments =>
    {
        var inner = new JinjaScope(scope);
        for (var i = 0; i < Parameters.Count; i++)
        {
            var (name, fallback) = Parameters[i];
            inner.Set(name, arguments.Has(i, name) ? arguments.GetMarked(i, name, null)
                : fallback is not null ? fallback.Evaluate(inner, runtime)
                : new JinjaUndefined($"UndefinedError: parameter '{name}' was not provided"));
        }

        inner.Set("varargs", new JinjaList(arguments.Positional.Skip(Parameters.Count), isTuple: true));
        var rest = new JinjaDictionary();
        foreach (var (name, value) in arguments.Named)
        {
            if (name == "caller")
            {
                inner.Set(name, value);
            }
            else if (!Parameters.Any(parameter => parameter.Name == name))
            {
                rest[name] = value;
            }
        }

        inner.Set("kwargs", rest);
        return Body.Capture(inner, runtime);
    });
}

internal sealed record CallStatement(CallExpression Call, MacroStatement Caller) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        runtime.Write(output, JinjaText.ToText(Call.Invoke(scope, runtime, Caller.Bind(scope, runtime))));
        return JinjaFlow.Next;
    }
}

/// <summary>What is assigned to: a name, an attribute of a namespace, or several targets at once.</summary>
internal sealed record JinjaTarget(string? Name, string? Attribute, IReadOnlyList<JinjaTarget>? Parts, int Line)
{
    public void Assign(JinjaScope scope, object? value)
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

        var items = JinjaOperators.Iterate(JinjaMarkup.Unwrap(value));
        if (items.Count != Parts.Count)
        {
            throw new JinjaException(JinjaErrorKind.Runtime, $"ValueError: {items.Count} values to unpack into {Parts.Count} names", Line);
        }

        for (var i = 0; i < Parts.Count; i++)
        {
            Parts[i].Assign(scope, items[i]);
        }
    }
}
