#pragma warning disable MA0048 // the expression nodes of one small language read best together

namespace Abi.Llm.Chat.Jinja;

/// <summary>An expression of a template.</summary>
internal abstract record JinjaExpression(int Line)
{
    public object? Evaluate(JinjaScope scope, JinjaRuntime runtime)
    {
        runtime.Step();
        try
        {
            return Compute(scope, runtime);
        }
        catch (JinjaException e) when (e.Line == 0 && (e.Kind is JinjaErrorKind.Runtime or JinjaErrorKind.Limit))
        {
            throw new JinjaException(e.Kind, e.Message, Line);
        }
    }

    /// <summary>The value without the mark of <c>safe</c>.</summary>
    public object? EvaluatePlain(JinjaScope scope, JinjaRuntime runtime) => JinjaMarkup.Unwrap(Evaluate(scope, runtime));

    protected abstract object? Compute(JinjaScope scope, JinjaRuntime runtime);
}

internal sealed record ConstantExpression(object? Value, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) => Value;
}

internal sealed record NameExpression(string Name, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) =>
        scope.TryGet(Name, out var value) || JinjaGlobals.TryGet(Name, out value) ? value : JinjaUndefined.Name(Name);
}

internal sealed record ListExpression(IReadOnlyList<JinjaExpression> Items, bool IsTuple, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) => new JinjaList(Items.Select(item => item.Evaluate(scope, runtime)), IsTuple);
}

internal sealed record DictionaryExpression(IReadOnlyList<(JinjaExpression Key, JinjaExpression Value)> Entries, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime)
    {
        var dictionary = new JinjaDictionary();
        foreach (var (key, value) in Entries)
        {
            dictionary[key.EvaluatePlain(scope, runtime)] = value.Evaluate(scope, runtime);
        }

        return dictionary;
    }
}

internal sealed record UnaryExpression(string Operator, JinjaExpression Operand, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime)
    {
        var value = Operand.Evaluate(scope, runtime);
        return Operator switch
        {
            "not" => !JinjaOperators.IsTrue(value),
            "-" => value is double number ? -number : JinjaOperators.Calculate("-", 0L, value, runtime),
            _ => JinjaOperators.Calculate("+", 0L, value, runtime),
        };
    }
}

internal sealed record BinaryExpression(string Operator, JinjaExpression Left, JinjaExpression Right, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime)
    {
        var left = Left.Evaluate(scope, runtime);
        return Operator switch
        {
            "and" => JinjaOperators.IsTrue(left) ? Right.Evaluate(scope, runtime) : left,
            "or" => JinjaOperators.IsTrue(left) ? left : Right.Evaluate(scope, runtime),
            "~" => runtime.Bound(JinjaText.ToText(left) + JinjaText.ToText(Right.Evaluate(scope, runtime))),
            _ => Calculate(left, Right.Evaluate(scope, runtime), runtime),
        };
    }

    private object? Calculate(object? left, object? right, JinjaRuntime runtime) =>
        Operator == "+" && ((left, right) is (JinjaMarkup, string or JinjaMarkup) or (string, JinjaMarkup))
            ? JinjaMarkup.Join(left, right)
            : JinjaOperators.Calculate(Operator, JinjaMarkup.Unwrap(left), JinjaMarkup.Unwrap(right), runtime);
}

/// <summary>A chain of comparisons: <c>a &lt; b &lt; c</c> holds when each pair does.</summary>
internal sealed record CompareExpression(JinjaExpression First, IReadOnlyList<(string Operator, JinjaExpression Operand)> Rest, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime)
    {
        var left = First.EvaluatePlain(scope, runtime);
        foreach (var (operation, operand) in Rest)
        {
            var right = operand.EvaluatePlain(scope, runtime);
            var holds = operation switch
            {
                "==" => JinjaOperators.AreEqual(left, right),
                "!=" => !JinjaOperators.AreEqual(left, right),
                "in" => JinjaOperators.Contains(right, left),
                "not in" => !JinjaOperators.Contains(right, left),
                "<" => JinjaOperators.Compare(left, right, operation) < 0,
                ">" => JinjaOperators.Compare(left, right, operation) > 0,
                "<=" => JinjaOperators.Compare(left, right, operation) <= 0,
                _ => JinjaOperators.Compare(left, right, operation) >= 0,
            };
            if (!holds)
            {
                return false;
            }

            left = right;
        }

        return true;
    }
}

internal sealed record ConditionalExpression(JinjaExpression Condition, JinjaExpression Then, JinjaExpression? Else, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) =>
        JinjaOperators.IsTrue(Condition.Evaluate(scope, runtime)) ? Then.Evaluate(scope, runtime)
        : Else is null ? new JinjaUndefined("UndefinedError: the inline if-expression evaluated to false and no else section was defined.")
        : Else.Evaluate(scope, runtime);
}

internal sealed record AttributeExpression(JinjaExpression Target, string Name, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) => JinjaMembers.GetAttribute(Target.EvaluatePlain(scope, runtime), Name);
}

internal sealed record SubscriptExpression(JinjaExpression Target, JinjaExpression Key, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) => JinjaMembers.GetItem(Target.EvaluatePlain(scope, runtime), Key.EvaluatePlain(scope, runtime));
}

internal sealed record SliceExpression(JinjaExpression Target, JinjaExpression? Start, JinjaExpression? Stop, JinjaExpression? Step, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) =>
        JinjaMembers.Slice(Target.EvaluatePlain(scope, runtime), Start?.Evaluate(scope, runtime), Stop?.Evaluate(scope, runtime), Step?.Evaluate(scope, runtime));
}

/// <summary>The arguments as written: positional, named, and the starred ones that are spread.</summary>
internal sealed record ArgumentList(IReadOnlyList<JinjaExpression> Positional, IReadOnlyList<(string Name, JinjaExpression Value)> Named, JinjaExpression? Spread, JinjaExpression? SpreadNamed)
{
    public static ArgumentList Empty { get; } = new([], [], null, null);

    public JinjaArguments Evaluate(string function, JinjaScope scope, JinjaRuntime runtime, params ReadOnlySpan<object?> before)
    {
        List<object?> positional = [.. before];
        foreach (var argument in Positional)
        {
            positional.Add(argument.Evaluate(scope, runtime));
        }

        if (Spread is not null)
        {
            positional.AddRange(JinjaOperators.Iterate(Spread.Evaluate(scope, runtime)));
        }

        var named = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (name, value) in Named)
        {
            named[name] = value.Evaluate(scope, runtime);
        }

        if (SpreadNamed?.Evaluate(scope, runtime) is JinjaDictionary dictionary)
        {
            foreach (var (key, value) in dictionary.Entries)
            {
                named[JinjaText.ToText(key)] = value;
            }
        }

        return new JinjaArguments(function, runtime, positional, named);
    }
}

internal sealed record CallExpression(JinjaExpression Function, ArgumentList Arguments, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) => Invoke(scope, runtime, null);

    public object? Invoke(JinjaScope scope, JinjaRuntime runtime, JinjaCallable? caller)
    {
        var function = Function.Evaluate(scope, runtime);
        runtime.Enter();
        try
        {
            switch (function)
            {
                case JinjaCallable callable:
                    var arguments = Arguments.Evaluate(callable.Name, scope, runtime);
                    return callable.Invoke(caller is null ? arguments : arguments with { Named = new Dictionary<string, object?>(arguments.Named, StringComparer.Ordinal) { ["caller"] = caller } });
                case JinjaLoop loop: return loop.Recurse(Arguments.Evaluate("loop", scope, runtime).Require(0, "iterable"));
                case JinjaUndefined undefined: throw undefined.Error();
                default: throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: '{JinjaOperators.TypeName(function)}' object is not callable");
            }
        }
        finally
        {
            runtime.Leave();
        }
    }
}

internal sealed record FilterExpression(JinjaExpression? Input, string Name, JinjaFilter Filter, ArgumentList Arguments, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) => Apply(Input!.Evaluate(scope, runtime), scope, runtime);

    public object? Apply(object? input, JinjaScope scope, JinjaRuntime runtime) =>
        Filter(Name is "escape" or "e" ? input : JinjaMarkup.Unwrap(input), Arguments.Evaluate(Name, scope, runtime));
}

internal sealed record TestExpression(JinjaExpression Input, string Name, JinjaTest Test, ArgumentList Arguments, bool IsNegated, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) =>
        Test(Input.EvaluatePlain(scope, runtime), Arguments.Evaluate(Name, scope, runtime)) != IsNegated;
}
