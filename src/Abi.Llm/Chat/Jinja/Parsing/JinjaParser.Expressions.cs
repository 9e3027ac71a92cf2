using System.Globalization;

namespace Abi.Llm.Chat.Jinja;

/// <summary>The expressions, from what binds least to what binds most.</summary>
internal sealed partial class JinjaParser
{
    private bool IsTupleEnd() => Current.Kind is JinjaTokenKind.PrintEnd or JinjaTokenKind.BlockEnd || IsOperator(")");

    /// <summary>One expression, or several by commas, which are a tuple.</summary>
    private JinjaExpression Tuple(bool withCondition = true)
    {
        var line = Current.Line;
        List<JinjaExpression> items = [];
        var isTuple = false;
        while (!IsTupleEnd())
        {
            items.Add(withCondition ? Expression() : Or());
            if (!SkipOperator(","))
            {
                break;
            }

            isTuple = true;
        }

        return isTuple ? new ListExpression(items, IsTuple: true, line) : items.Count == 1 ? items[0] : throw Error($"Expected an expression, got '{Describe(Current)}'");
    }

    private JinjaExpression Expression()
    {
        Enter();
        var (line, unknown) = (Current.Line, _unknown.Count);
        var value = Or();
        while (SkipName("if"))
        {
            var condition = Or();
            value = new ConditionalExpression(condition, value, SkipName("else") ? Expression() : null, line);
            _unknown.RemoveRange(unknown, _unknown.Count - unknown);
        }

        _depth--;
        return value;
    }

    private JinjaExpression Or()
    {
        var left = And();
        while (IsName("or"))
        {
            var line = _tokens[_position++].Line;
            left = new BinaryExpression("or", left, And(), line);
        }

        return left;
    }

    private JinjaExpression And()
    {
        var left = Not();
        while (IsName("and"))
        {
            var line = _tokens[_position++].Line;
            left = new BinaryExpression("and", left, Not(), line);
        }

        return left;
    }

    private JinjaExpression Not()
    {
        if (!IsName("not"))
        {
            return Compare();
        }

        Enter();
        var line = _tokens[_position++].Line;
        var value = new UnaryExpression("not", Not(), line);
        _depth--;
        return value;
    }

    private JinjaExpression Compare()
    {
        var line = Current.Line;
        var first = Sum();
        List<(string, JinjaExpression)> rest = [];
        while (true)
        {
            if (Current is { Kind: JinjaTokenKind.Operator, Text: "==" or "!=" or "<" or ">" or "<=" or ">=" })
            {
                rest.Add((_tokens[_position++].Text, Sum()));
            }
            else if (SkipName("in"))
            {
                rest.Add(("in", Sum()));
            }
            else if (IsName("not") && Next is { Kind: JinjaTokenKind.Name, Text: "in" })
            {
                _position += 2;
                rest.Add(("not in", Sum()));
            }
            else
            {
                return rest.Count == 0 ? first : new CompareExpression(first, rest, line);
            }
        }
    }

    private JinjaExpression Sum() => LeftAssociative(Concatenation, "+", "-");

    private JinjaExpression Concatenation()
    {
        var line = Current.Line;
        List<JinjaExpression> parts = [Product()];
        while (SkipOperator("~"))
        {
            parts.Add(Product());
        }

        return parts.Count == 1 ? parts[0] : new ConcatenationExpression(parts, line);
    }

    private JinjaExpression Product() => LeftAssociative(Power, "*", "/", "//", "%");

    private JinjaExpression Power() => LeftAssociative(() => Unary(withFilters: true), "**");

    private JinjaExpression LeftAssociative(Func<JinjaExpression> operand, params ReadOnlySpan<string> operators)
    {
        var left = operand();
        while (Current.Kind == JinjaTokenKind.Operator && operators.Contains(Current.Text))
        {
            var token = _tokens[_position++];
            left = new BinaryExpression(token.Text, left, operand(), token.Line);
        }

        return left;
    }

    private JinjaExpression Unary(bool withFilters)
    {
        Enter();
        var line = Current.Line;
        var value = SkipOperator("-") ? new UnaryExpression("-", Unary(withFilters: false), line)
            : SkipOperator("+") ? new UnaryExpression("+", Unary(withFilters: false), line)
            : Primary();
        value = Postfix(value);
        _depth--;
        return withFilters ? FiltersAndTests(value) : value;
    }

    private JinjaExpression Primary()
    {
        var token = _tokens[_position];
        _position += token.Kind == JinjaTokenKind.End ? 0 : 1;
        switch (token.Kind)
        {
            case JinjaTokenKind.Name: return Name(token);
            case JinjaTokenKind.String:
                List<string> parts = [token.Text];
                while (Current.Kind == JinjaTokenKind.String)
                {
                    parts.Add(_tokens[_position++].Text);
                }

                return new ConstantExpression(string.Concat(parts), token.Line);
            case JinjaTokenKind.Integer:
                return new ConstantExpression(JinjaNumbers.ParseInteger(token.Text, 0) ?? throw Error($"the number {token.Text} has too many digits"), token.Line);
            case JinjaTokenKind.Float:
                return new ConstantExpression(double.Parse(token.Text, CultureInfo.InvariantCulture), token.Line);
            case JinjaTokenKind.Operator when token.Text == "(":
                var inner = IsOperator(")") ? new ListExpression([], IsTuple: true, token.Line) : Tuple();
                ExpectOperator(")");
                return inner;
            case JinjaTokenKind.Operator when token.Text == "[":
                return new ListExpression(Items("]", Expression), IsTuple: false, token.Line);
            case JinjaTokenKind.Operator when token.Text == "{":
                return new DictionaryExpression(Items("}", Entry), token.Line);
            default:
                throw Error(token.Kind == JinjaTokenKind.End ? "unexpected end of template" : $"unexpected '{token.Text}'");
        }
    }

    private JinjaExpression Name(JinjaToken token)
    {
        switch (token.Text)
        {
            case "true" or "True": return new ConstantExpression(true, token.Line);
            case "false" or "False": return new ConstantExpression(false, token.Line);
            case "none" or "None": return new ConstantExpression(null, token.Line);
            default:
                _names.Load(token.Text);
                return new NameExpression(token.Text, token.Line);
        }
    }

    private List<T> Items<T>(string close, Func<T> read)
    {
        List<T> items = [];
        while (!SkipOperator(close))
        {
            if (items.Count > 0)
            {
                ExpectOperator(",");
                if (SkipOperator(close))
                {
                    break;
                }
            }

            items.Add(read());
        }

        return items;
    }

    private (JinjaExpression Key, JinjaExpression Value) Entry()
    {
        var key = Expression();
        ExpectOperator(":");
        return (key, Expression());
    }

    private JinjaExpression Postfix(JinjaExpression value)
    {
        while (true)
        {
            var line = Current.Line;
            if (SkipOperator("."))
            {
                value = Current.Kind switch
                {
                    JinjaTokenKind.Name => new AttributeExpression(value, Current.Text, line),
                    JinjaTokenKind.Integer => new SubscriptExpression(value, new ConstantExpression(JinjaNumbers.ParseInteger(Current.Text, 0), line), line),
                    _ => throw Error("expected name or number"),
                };
                _position++;
            }
            else if (SkipOperator("["))
            {
                value = Subscript(value, line);
            }
            else if (IsOperator("("))
            {
                value = new CallExpression(value, Arguments(), line);
            }
            else
            {
                return value;
            }
        }
    }

    private JinjaExpression Subscript(JinjaExpression value, int line)
    {
        if (!IsOperator(":"))
        {
            if (SkipOperator("]"))
            {
                return new SubscriptExpression(value, new ListExpression([], IsTuple: true, line), line);
            }

            var start = Expression();
            if (!IsOperator(":"))
            {
                List<JinjaExpression> keys = [start];
                while (SkipOperator(","))
                {
                    keys.Add(Expression());
                }

                ExpectOperator("]");
                return new SubscriptExpression(value, keys.Count == 1 ? start : new ListExpression(keys, IsTuple: true, line), line);
            }

            return Slice(value, start, line);
        }

        return Slice(value, null, line);
    }

    private SliceExpression Slice(JinjaExpression value, JinjaExpression? start, int line)
    {
        ExpectOperator(":");
        var stop = IsOperator(":") || IsOperator("]") ? null : Expression();
        var step = SkipOperator(":") && !IsOperator("]") ? Expression() : null;
        ExpectOperator("]");
        return new SliceExpression(value, start, stop, step, line);
    }

    private JinjaExpression FiltersAndTests(JinjaExpression value)
    {
        while (true)
        {
            if (SkipOperator("|"))
            {
                value = Filter(value);
            }
            else if (IsName("is"))
            {
                value = Test(value);
            }
            else if (IsOperator("("))
            {
                value = new CallExpression(value, Arguments(), Current.Line);
            }
            else
            {
                return value;
            }
        }
    }
}
