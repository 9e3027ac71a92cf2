#pragma warning disable MA0048 // the expression nodes of one small language read best together

namespace Abi.Llm.Chat.Jinja;

/// <summary>An expression of a template.</summary>
internal abstract record JinjaExpression(int Line)
{
    public object? Evaluate(JinjaScope scope, JinjaRuntime runtime)
    {
        runtime.Step();
        JinjaRuntime.CheckStack();
        try
        {
            return runtime.ChargeUsed(Compute(scope, runtime));
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
        var value = Operand.EvaluatePlain(scope, runtime);
        if (Operator == "not")
        {
            return !JinjaOperators.IsTrue(value);
        }

        if (!JinjaNumbers.IsNumber(value))
        {
            throw (value is JinjaUndefined undefined ? undefined.Error() : JinjaError.Type($"bad operand type for unary {Operator}: '{JinjaOperators.TypeName(value)}'"));
        }

        return Operator == "-" ? JinjaNumbers.Negate(value!) : value is double ? value : JinjaNumbers.Normalize(JinjaNumbers.ToBig(value));
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
            _ => JinjaOperators.Calculate(Operator, left, Right.Evaluate(scope, runtime), runtime),
        };
    }
}

/// <summary>Values joined as text by <c>~</c>.</summary>
internal sealed record ConcatenationExpression(IReadOnlyList<JinjaExpression> Parts, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime)
    {
        var values = new JinjaList(Parts.Select(part => part.Evaluate(scope, runtime)));
        return runtime.EscapesOutput && values.Exists(value => value is JinjaMarkup)
            ? new JinjaMarkup(JinjaStringMethods.Join("", values, runtime, JinjaMarkup.Escape))
            : JinjaStringMethods.Join("", values, runtime, JinjaText.ToText);
    }
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
                _ => JinjaOperators.Holds(operation, left, right),
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
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) => JinjaMembers.GetAttribute(Target.Evaluate(scope, runtime), Name);
}

internal sealed record SubscriptExpression(JinjaExpression Target, JinjaExpression Key, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) => JinjaMembers.GetItem(Target.Evaluate(scope, runtime), Key.EvaluatePlain(scope, runtime));
}

internal sealed record SliceExpression(JinjaExpression Target, JinjaExpression? Start, JinjaExpression? Stop, JinjaExpression? Step, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) =>
        JinjaMembers.Slice(Target.Evaluate(scope, runtime), Start?.Evaluate(scope, runtime), Stop?.Evaluate(scope, runtime), Step?.Evaluate(scope, runtime));
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
            positional.AddRange(JinjaOperators.ToList(Spread.Evaluate(scope, runtime), runtime));
        }

        if (Named.Count == 0 && SpreadNamed is null)
        {
            return new JinjaArguments(function, runtime, positional, JinjaArguments.NoNames);
        }

        var named = new OrderedDictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (name, value) in Named)
        {
            named[name] = value.Evaluate(scope, runtime);
        }

        var spread = SpreadNamed?.Evaluate(scope, runtime);
        foreach (var (key, value) in SpreadNamed is null ? [] : (spread as JinjaDictionary)?.Entries ?? throw JinjaError.Type("argument after ** must be a mapping"))
        {
            if (JinjaMarkup.Unwrap(key) is not string name || !named.TryAdd(name, value))
            {
                throw JinjaError.Type($"{function}() got multiple values for a keyword argument, or one that is no string");
            }
        }

        return new JinjaArguments(function, runtime, positional, named);
    }
}

internal sealed record CallExpression(JinjaExpression Function, ArgumentList Arguments, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) => Invoke(scope, runtime, null);

    public object? Invoke(JinjaScope scope, JinjaRuntime runtime, JinjaMacro? caller)
    {
        var function = Function.Evaluate(scope, runtime);
        runtime.Enter();
        try
        {
            var arguments = Arguments.Evaluate("call", scope, runtime);
            if (caller is not null)
            {
                arguments = arguments with { Named = new OrderedDictionary<string, object?>(arguments.Named, StringComparer.Ordinal) { ["caller"] = caller } };
            }

            return function switch
            {
                JinjaCallable callable => callable.Invoke(arguments),
                JinjaMacro macro => macro.Invoke(arguments),
                JinjaLoop loop => loop.Recurse(((JinjaSignature)"iterable").Bind(arguments).Positional[0]),
                JinjaUndefined undefined => throw undefined.Error(),
                _ => throw JinjaError.Type($"'{JinjaOperators.TypeName(function)}' object is not callable"),
            };
        }
        finally
        {
            runtime.Leave();
        }
    }
}

/// <summary>A filter and its arguments; one of an unknown name, in a branch that may never be taken, fails where it is reached.</summary>
internal sealed record FilterExpression(JinjaExpression? Input, string Name, JinjaFilter? Filter, ArgumentList Arguments, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime) => Apply(Input!.Evaluate(scope, runtime), scope, runtime);

    public object? Apply(object? input, JinjaScope scope, JinjaRuntime runtime)
    {
        var arguments = Arguments.Evaluate(Name, scope, runtime);
        return Filter is null ? throw JinjaError.Other($"TemplateRuntimeError: No filter named '{Name}' found.") : Filter.Apply(input, arguments);
    }
}

internal sealed record TestExpression(JinjaExpression Input, string Name, JinjaTest? Test, ArgumentList Arguments, bool IsNegated, int Line) : JinjaExpression(Line)
{
    protected override object? Compute(JinjaScope scope, JinjaRuntime runtime)
    {
        var input = Input.Evaluate(scope, runtime);
        var arguments = Arguments.Evaluate(Name, scope, runtime);
        return (Test is null ? throw JinjaError.Other($"TemplateRuntimeError: No test named '{Name}' found.") : Test.Holds(input, arguments)) != IsNegated;
    }
}
