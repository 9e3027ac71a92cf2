namespace Abi.Llm.Chat.Jinja;

/// <summary>What sets names: targets of assignments, and macros with their parameters.</summary>
internal sealed partial class JinjaParser
{
    private void Store(JinjaTarget target)
    {
        RefuseLoop(target);
        foreach (var name in target.Names())
        {
            _names.Store(name);
        }

        foreach (var name in target.Namespaces())
        {
            _names.Load(name);
        }
    }

    private void RefuseLoop(JinjaTarget target)
    {
        if (_loopTags > 0 && target.Names().Contains("loop", StringComparer.Ordinal))
        {
            throw new JinjaException(JinjaErrorKind.Syntax, "Can't assign to special loop variable in for-loop target", target.Line);
        }
    }

    private MacroStatement Macro()
    {
        var name = AssignableName();
        var definition = MacroBody(name, Parameters, "endmacro");
        _names.Store(name);
        return new MacroStatement(name, definition.Definition);
    }

    private CallStatement Call()
    {
        var (caller, call) = MacroBody(null, () => IsOperator("(") ? Parameters() : [], "endcall", () => Expression() as CallExpression ?? throw Error("expected call"));
        return new CallStatement(call!, caller);
    }

    /// <summary>Parameters and body of a macro; between them, in the scope around, what a <c>call</c> block calls.</summary>
    private (JinjaMacroDefinition Definition, CallExpression? Call) MacroBody(string? name, Func<List<(string, JinjaExpression?)>> readParameters, string ending, Func<CallExpression>? readCall = null)
    {
        var (outer, loops) = (_names, _loops);
        _loops = 0;
        CallExpression? call = null;
        List<(string Name, JinjaExpression? Default)> parameters = [];
        var (body, names) = InScope(() =>
        {
            parameters = readParameters();
            var inner = _names;
            _names = outer;
            call = readCall?.Invoke();
            _names = inner;
            inner.Watch("caller", "kwargs", "varargs");
            return Body(ending);
        });
        _loops = loops;
        foreach (var (parameter, fallback) in parameters)
        {
            if (parameter == "caller" && fallback is null && names.Uses("caller"))
            {
                throw Error("When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.");
            }
        }

        return (new JinjaMacroDefinition(name, parameters, body, names), call);
    }

    private List<(string, JinjaExpression?)> Parameters()
    {
        List<(string Name, JinjaExpression? Default)> parameters = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        ExpectOperator("(");
        while (!IsOperator(")"))
        {
            if (parameters.Count > 0)
            {
                ExpectOperator(",");
            }

            var name = AssignableName();
            _ = names.Add(name) ? 0 : throw Error($"duplicate argument '{name}'");
            _names.Declare(name);
            var fallback = SkipOperator("=") ? Expression() : null;
            _ = fallback is null && parameters is [.., (_, not null)] ? throw Error("non-default argument follows default argument") : 0;
            parameters.Add((name, fallback));
        }

        ExpectOperator(")");
        return parameters;
    }

    private string AssignableName()
    {
        var name = Expect(JinjaTokenKind.Name, "a name");
        return IsAssignable(name.Text) ? name.Text : throw Error($"can't assign to '{name.Text}'");
    }

    private static bool IsAssignable(string name) => name is not ("true" or "false" or "none" or "True" or "False" or "None");

    /// <summary>What stands left of <c>=</c> or <c>in</c>: a name, names by commas, parentheses around them.</summary>
    private JinjaTarget Target(bool withAttribute)
    {
        var line = Current.Line;
        List<JinjaTarget> parts = [];
        var isTuple = false;
        while (!IsTupleEnd())
        {
            parts.Add(SingleTarget(withAttribute));
            if (!SkipOperator(","))
            {
                break;
            }

            isTuple = true;
        }

        return isTuple ? new JinjaTarget(null, null, parts, line) : parts.Count == 1 ? parts[0] : throw Error($"Expected an expression, got '{Describe(Current)}'");
    }

    private JinjaTarget SingleTarget(bool withAttribute)
    {
        var line = Current.Line;
        if (SkipOperator("("))
        {
            Enter();
            var inner = IsOperator(")") ? new JinjaTarget(null, null, [], line) : Target(withAttribute: false);
            ExpectOperator(")");
            _depth--;
            return inner;
        }

        var name = AssignableName();
        return new JinjaTarget(name, withAttribute && SkipOperator(".") ? Expect(JinjaTokenKind.Name, "an attribute's name").Text : null, null, line);
    }
}
