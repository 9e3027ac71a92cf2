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
        var value = Value.Evaluate(scope, runtime);
        runtime.Write(output, runtime.EscapesOutput ? JinjaMarkup.Escape(value) : JinjaText.ToText(value));
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

    /// <summary>Renders into a text of its own, which is null where a <c>break</c> or <c>continue</c> leaves it.</summary>
    public JinjaFlow Capture(JinjaScope scope, JinjaRuntime runtime, out object? value)
    {
        var output = new StringBuilder();
        var flow = Render(scope, runtime, output);
        value = runtime.EscapesOutput ? new JinjaMarkup(output.ToString()) : output.ToString();
        return flow;
    }

    /// <summary>What it renders, through filters.</summary>
    public JinjaFlow Capture(JinjaScope scope, JinjaRuntime runtime, IReadOnlyList<FilterExpression> filters, out object? value)
    {
        var flow = Capture(scope, runtime, out value);
        for (var i = 0; i < filters.Count && flow == JinjaFlow.Next; i++)
        {
            value = filters[i].Apply(value, scope, runtime);
        }

        return flow;
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

internal sealed record ForStatement(JinjaTarget Target, JinjaExpression Items, JinjaExpression? Filter, BlockStatement Body, BlockStatement? Else, bool IsRecursive, JinjaLoopNames Names) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output) => Render(Items.Evaluate(scope, runtime), scope, runtime, output, 0);

    private JinjaFlow Render(object? value, JinjaScope scope, JinjaRuntime runtime, StringBuilder output, int depth)
    {
        var items = JinjaOperators.Iterate(value);
        if (Filter is not null)
        {
            items = Filtered(items, scope, runtime);
            value = new JinjaIterator(items);
        }

        var loop = new JinjaLoop(value, items, depth, IsRecursive ? Recurse : null);
        var isEmpty = true;
        while (loop.MoveNext())
        {
            runtime.Step();
            var inner = new JinjaScope(scope, Names.Body);
            inner.Set("loop", loop);
            Target.Assign(inner, loop.Current, runtime);
            var flow = Body.Render(inner, runtime, output);
            if (flow == JinjaFlow.Break)
            {
                break;
            }

            // Jinja counts the rounds that reach the end of the body.
            isEmpty &= flow != JinjaFlow.Next;
        }

        return isEmpty && Else is not null ? Else.Render(new JinjaScope(scope, Names.Else), runtime, output) : JinjaFlow.Next;

        object? Recurse(object? children)
        {
            var text = new StringBuilder();
            Render(children, scope, runtime, text, depth + 1);
            return runtime.EscapesOutput ? new JinjaMarkup(text.ToString()) : text.ToString();
        }
    }

    private IEnumerable<object?> Filtered(IEnumerable<object?> items, JinjaScope scope, JinjaRuntime runtime)
    {
        foreach (var item in items)
        {
            runtime.Step();
            var inner = new JinjaScope(scope, Names.Filter);
            Target.Assign(inner, item, runtime);
            if (JinjaOperators.IsTrue(Filter!.Evaluate(inner, runtime)))
            {
                yield return item;
            }
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
        Target.Assign(scope, Value.Evaluate(scope, runtime), runtime);
        return JinjaFlow.Next;
    }
}

internal sealed record SetBlockStatement(JinjaTarget Target, IReadOnlyList<FilterExpression> Filters, BlockStatement Body, JinjaNames Names) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        var inner = new JinjaScope(scope, Names);
        var flow = Body.Capture(inner, runtime, Filters, out var value);
        if (flow != JinjaFlow.Next)
        {
            return flow;
        }

        Target.Assign(scope, runtime.EscapesOutput ? new JinjaMarkup(JinjaText.ToText(value)) : value, runtime);
        return JinjaFlow.Next;
    }
}

internal sealed record FilterStatement(IReadOnlyList<FilterExpression> Filters, BlockStatement Body, JinjaNames Names) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        var inner = new JinjaScope(scope, Names);
        var flow = Body.Capture(inner, runtime, Filters, out var value);
        if (flow != JinjaFlow.Next)
        {
            return flow;
        }

        runtime.Write(output, JinjaText.RequireText(value));
        return JinjaFlow.Next;
    }
}

internal sealed record WithStatement(IReadOnlyList<(JinjaTarget Target, JinjaExpression Value)> Bindings, BlockStatement Body, JinjaNames Names) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        var inner = new JinjaScope(scope, Names);
        foreach (var (target, value) in Bindings)
        {
            target.Assign(inner, value.Evaluate(scope, runtime), runtime);
        }

        return Body.Render(inner, runtime, output);
    }
}

/// <summary>Writes escaped for HTML, or not, as the value says.</summary>
internal sealed record AutoescapeStatement(JinjaExpression Value, BlockStatement Body, JinjaNames Names) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        var inner = new JinjaScope(scope, Names);
        var before = runtime.EscapesOutput;
        runtime.EscapesOutput = JinjaOperators.IsTrue(Value.Evaluate(inner, runtime));
        var flow = Body.Render(inner, runtime, output);
        runtime.EscapesOutput = before;
        return flow;
    }
}

/// <summary>A named part of the template. It sees what the top level has set so far; one that is <c>scoped</c> sees the names around it too.</summary>
internal sealed record NamedBlockStatement(string Name, bool IsScoped, bool IsRequired, BlockStatement Body, JinjaNames Names) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        if (IsRequired)
        {
            throw JinjaError.Other($"TemplateRuntimeError: Required block '{Name}' not found");
        }

        JinjaRuntime.CheckStack();
        var inner = new JinjaScope(IsScoped ? scope : scope.Root, Names, isBlock: true);
        _ = Names.Uses("self") && scope.Root.TryGet("self", out var self) && Set(inner, "self", self);
        _ = Names.Uses("super") && Set(inner, "super", new JinjaUndefined($"UndefinedError: there is no parent block called '{Name}'."));
        Body.Render(inner, runtime, output);
        return JinjaFlow.Next;
    }

    public object? Call(JinjaScope scope, JinjaRuntime runtime)
    {
        var output = new StringBuilder();
        Render(scope, runtime, output);
        return runtime.EscapesOutput ? new JinjaMarkup(output.ToString()) : output.ToString();
    }

    private static bool Set(JinjaScope scope, string name, object? value)
    {
        scope.Set(name, value);
        return true;
    }
}

internal sealed record MacroStatement(string Name, JinjaMacroDefinition Definition) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        scope.Set(Name, new JinjaMacro(Definition, scope, runtime.EscapesOutput));
        return JinjaFlow.Next;
    }
}

internal sealed record CallStatement(CallExpression Call, JinjaMacroDefinition Caller) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        runtime.Write(output, JinjaText.RequireText(Call.Invoke(scope, runtime, new JinjaMacro(Caller, scope, runtime.EscapesOutput))));
        return JinjaFlow.Next;
    }
}

/// <summary><c>include</c>, <c>import</c> and <c>extends</c>: a chat template is alone, so they fail where they are reached.</summary>
internal sealed record LoadStatement(JinjaExpression Template) : JinjaStatement
{
    public override JinjaFlow Render(JinjaScope scope, JinjaRuntime runtime, StringBuilder output)
    {
        Template.Evaluate(scope, runtime);
        throw JinjaError.Type("no loader for this environment specified");
    }
}
