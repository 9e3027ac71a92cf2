namespace Abi.Llm.Chat.Jinja;

/// <summary>Filters, tests and the arguments of calls.</summary>
internal sealed partial class JinjaParser
{
    private List<FilterExpression> Filters(bool skipFirstBar = false)
    {
        List<FilterExpression> filters = [];
        if (skipFirstBar)
        {
            ExpectOperator("|");
        }

        do
        {
            filters.Add(Filter(null));
        }
        while (SkipOperator("|"));

        return filters;
    }

    private FilterExpression Filter(JinjaExpression? input)
    {
        var line = Current.Line;
        var name = DottedName("a filter's name");
        var filter = JinjaFilters.Find(name);
        if (filter is null)
        {
            _unknown.Add(new JinjaException(JinjaErrorKind.Syntax, $"No filter named '{name}'.", line));
        }

        return new FilterExpression(input, name, filter, IsOperator("(") ? Arguments() : ArgumentList.Empty, line);
    }

    private TestExpression Test(JinjaExpression input)
    {
        var line = _tokens[_position++].Line;
        var isNegated = SkipName("not");
        var name = DottedName("a test's name");
        var test = JinjaTests.Find(name);
        if (test is null)
        {
            _unknown.Add(new JinjaException(JinjaErrorKind.Syntax, $"No test named '{name}'.", line));
        }

        var arguments = ArgumentList.Empty;
        if (IsOperator("("))
        {
            arguments = Arguments();
        }
        else if (Current.Kind is JinjaTokenKind.String or JinjaTokenKind.Integer or JinjaTokenKind.Float || IsOperator("[") || IsOperator("{")
            || (Current.Kind == JinjaTokenKind.Name && Current.Text is not ("else" or "or" or "and")))
        {
            _ = IsName("is") ? throw Error("You cannot chain multiple tests with is") : 0;
            arguments = new ArgumentList([Postfix(Primary())], [], null, null);
        }

        return new TestExpression(input, name, test, arguments, isNegated, line);
    }

    private string DottedName(string what)
    {
        List<string> names = [Expect(JinjaTokenKind.Name, what).Text];
        while (SkipOperator("."))
        {
            names.Add(Expect(JinjaTokenKind.Name, what).Text);
        }

        return string.Join('.', names);
    }

    private ArgumentList Arguments()
    {
        Enter();
        ExpectOperator("(");
        List<JinjaExpression> positional = [];
        List<(string Name, JinjaExpression Value)> named = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        JinjaExpression? spread = null;
        JinjaExpression? spreadNamed = null;
        var isFirst = true;
        while (!SkipOperator(")"))
        {
            if (!isFirst)
            {
                ExpectOperator(",");
                if (SkipOperator(")"))
                {
                    break;
                }
            }

            isFirst = false;
            var isNamed = Current.Kind == JinjaTokenKind.Name && Next is { Kind: JinjaTokenKind.Operator, Text: "=" };
            var isRight = spreadNamed is null && (isNamed || IsOperator("**") || (spread is null && (IsOperator("*") || named.Count == 0)));
            if (!isRight || (isNamed && !names.Add(Current.Text)))
            {
                throw Error("invalid syntax for function call expression");
            }

            if (SkipOperator("**"))
            {
                spreadNamed = Expression();
            }
            else if (SkipOperator("*"))
            {
                spread = Expression();
            }
            else if (isNamed)
            {
                var name = Current.Text;
                _position += 2;
                named.Add((name, Expression()));
            }
            else
            {
                positional.Add(Expression());
            }
        }

        _depth--;
        return new ArgumentList(positional, named, spread, spreadNamed);
    }
}
