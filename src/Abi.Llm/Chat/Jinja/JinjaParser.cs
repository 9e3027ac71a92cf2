using System.Globalization;

namespace Abi.Llm.Chat.Jinja;

/// <summary>Makes the tree of a template out of its tokens, with Jinja 3's grammar and precedence.</summary>
internal sealed class JinjaParser
{
    private readonly List<JinjaToken> _tokens;
    private readonly JinjaLimits _limits;
    private int _position;
    private int _depth;

    private JinjaParser(List<JinjaToken> tokens, JinjaLimits limits)
    {
        _tokens = tokens;
        _limits = limits;
    }

    private JinjaToken Current => _tokens[_position];

    public static BlockStatement Parse(string source, JinjaLimits limits)
    {
        var parser = new JinjaParser(JinjaLexer.Tokenize(source), limits);
        var block = parser.Statements();
        return parser.Current.Kind == JinjaTokenKind.End ? block : throw parser.Error($"Encountered unknown tag '{parser._tokens[parser._position + 1].Text}'.");
    }

    /// <summary>Statements up to a tag with one of these names, which is left to be read.</summary>
    private BlockStatement Statements(params ReadOnlySpan<string> endings)
    {
        Enter();
        List<JinjaStatement> statements = [];
        while (Current.Kind != JinjaTokenKind.End)
        {
            var token = Current;
            if (token.Kind == JinjaTokenKind.Data)
            {
                _position++;
                statements.Add(new DataStatement(token.Text));
            }
            else if (token.Kind == JinjaTokenKind.PrintBegin)
            {
                _position++;
                statements.Add(new PrintStatement(Tuple()));
                Expect(JinjaTokenKind.PrintEnd, "}}");
            }
            else
            {
                var name = _tokens[_position + 1];
                if (name.Kind == JinjaTokenKind.Name && endings.Contains(name.Text))
                {
                    break;
                }

                if (endings.IsEmpty && name.Text.StartsWith("end", StringComparison.Ordinal) || name.Text is "else" or "elif")
                {
                    break;
                }

                _position++;
                statements.Add(Tag());
            }
        }

        if (!endings.IsEmpty && Current.Kind == JinjaTokenKind.End)
        {
            throw Error($"Unexpected end of template. Jinja was looking for the following tags: '{string.Join("' or '", endings.ToArray())}'.");
        }

        _depth--;
        return new BlockStatement(statements);
    }

    private JinjaStatement Tag()
    {
        var name = Expect(JinjaTokenKind.Name, "a tag's name");
        switch (name.Text)
        {
            case "if": return If();
            case "for": return For();
            case "set": return Set();
            case "macro": return Macro();
            case "call": return Call();
            case "with": return With();
            case "filter":
            {
                var filters = Filters();
                return new FilterStatement(filters, Body("endfilter"));
            }

            case "break":
                EndTag();
                return new LoopControlStatement(JinjaFlow.Break);
            case "continue":
                EndTag();
                return new LoopControlStatement(JinjaFlow.Continue);
            case "generation": // Hugging Face marks the assistant's part for training; it renders as its content
                return Body("endgeneration");
            case "block":
                Expect(JinjaTokenKind.Name, "a block's name");
                return Body("endblock");
            case "do":
            {
                var value = Tuple();
                EndTag();
                return new SetStatement(new JinjaTarget("_", null, null, name.Line), value);
            }

            default: throw Error($"Encountered unknown tag '{name.Text}'.");
        }
    }

    private BlockStatement Body(string ending)
    {
        EndTag();
        var body = Statements(ending);
        _position += 2;
        if (ending == "endblock" && Current.Kind == JinjaTokenKind.Name)
        {
            _position++;
        }

        EndTag();
        return body;
    }

    private IfStatement If()
    {
        List<(JinjaExpression, BlockStatement)> branches = [];
        BlockStatement? otherwise = null;
        var condition = Tuple(withCondition: false);
        while (true)
        {
            EndTag();
            var body = Statements("elif", "else", "endif");
            branches.Add((condition, body));
            _position++;
            var tag = _tokens[_position++].Text;
            if (tag == "elif")
            {
                condition = Tuple(withCondition: false);
                continue;
            }

            if (tag == "else")
            {
                EndTag();
                otherwise = Statements("endif");
                _position += 2;
            }

            EndTag();
            return new IfStatement(branches, otherwise);
        }
    }

    private ForStatement For()
    {
        var target = Target(withAttribute: false);
        ExpectName("in");
        var items = Tuple(withCondition: false);
        var filter = SkipName("if") ? Expression() : null;
        var isRecursive = SkipName("recursive");
        EndTag();
        var body = Statements("endfor", "else");
        _position++;
        BlockStatement? otherwise = null;
        if (_tokens[_position++].Text == "else")
        {
            EndTag();
            otherwise = Statements("endfor");
            _position += 2;
        }

        EndTag();
        return new ForStatement(target, items, filter, body, otherwise, isRecursive);
    }

    private JinjaStatement Set()
    {
        var target = Target(withAttribute: true);
        if (SkipOperator("="))
        {
            var value = Tuple();
            EndTag();
            return new SetStatement(target, value);
        }

        var filters = IsOperator("|") ? Filters(skipFirstBar: true) : [];
        return new SetBlockStatement(target, filters, Body("endset"));
    }

    private MacroStatement Macro()
    {
        var name = Expect(JinjaTokenKind.Name, "a macro's name").Text;
        var parameters = Parameters();
        return new MacroStatement(name, parameters, Body("endmacro"));
    }

    private CallStatement Call()
    {
        var parameters = IsOperator("(") ? Parameters() : [];
        var call = Expression() as CallExpression ?? throw Error("expected call");
        return new CallStatement(call, new MacroStatement("caller", parameters, Body("endcall")));
    }

    private WithStatement With()
    {
        List<(JinjaTarget, JinjaExpression)> bindings = [];
        while (Current.Kind != JinjaTokenKind.BlockEnd)
        {
            if (bindings.Count > 0)
            {
                ExpectOperator(",");
            }

            var target = Target(withAttribute: false, single: true);
            ExpectOperator("=");
            bindings.Add((target, Expression()));
        }

        return new WithStatement(bindings, Body("endwith"));
    }

    private List<(string, JinjaExpression?)> Parameters()
    {
        List<(string, JinjaExpression?)> parameters = [];
        ExpectOperator("(");
        while (!IsOperator(")"))
        {
            if (parameters.Count > 0)
            {
                ExpectOperator(",");
            }

            var name = Expect(JinjaTokenKind.Name, "a parameter's name").Text;
            parameters.Add((name, SkipOperator("=") ? Expression() : null));
        }

        ExpectOperator(")");
        return parameters;
    }

    private JinjaTarget Target(bool withAttribute, bool single = false)
    {
        var line = Current.Line;
        List<JinjaTarget> parts = [];
        var isTuple = false;
        do
        {
            if (parts.Count > 0 && Current.Kind != JinjaTokenKind.Name && !IsOperator("("))
            {
                break;
            }

            if (SkipOperator("("))
            {
                parts.Add(Target(withAttribute));
                ExpectOperator(")");
            }
            else
            {
                var name = Expect(JinjaTokenKind.Name, "a name");
                var attribute = withAttribute && SkipOperator(".") ? Expect(JinjaTokenKind.Name, "an attribute's name").Text : null;
                parts.Add(new JinjaTarget(name.Text, attribute, null, name.Line));
            }

            isTuple |= !single && IsOperator(",");
        }
        while (!single && SkipOperator(","));

        return isTuple ? new JinjaTarget(null, null, parts, line) : parts[0];
    }

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

    private JinjaExpression Tuple(bool withCondition = true)
    {
        var line = Current.Line;
        var first = withCondition ? Expression() : Or();
        if (!IsOperator(","))
        {
            return first;
        }

        List<JinjaExpression> items = [first];
        while (SkipOperator(","))
        {
            if (Current.Kind is JinjaTokenKind.PrintEnd or JinjaTokenKind.BlockEnd || IsOperator(")"))
            {
                break;
            }

            items.Add(withCondition ? Expression() : Or());
        }

        return new ListExpression(items, IsTuple: true, line);
    }

    private JinjaExpression Expression()
    {
        Enter();
        var line = Current.Line;
        var value = Or();
        while (SkipName("if"))
        {
            var condition = Or();
            value = new ConditionalExpression(condition, value, SkipName("else") ? Expression() : null, line);
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
            else if (IsName("not") && _tokens[_position + 1] is { Kind: JinjaTokenKind.Name, Text: "in" })
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

    private JinjaExpression Concatenation() => LeftAssociative(Product, "~");

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
        var token = _tokens[_position++];
        switch (token.Kind)
        {
            case JinjaTokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new ConstantExpression(true, token.Line),
                    "false" or "False" => new ConstantExpression(false, token.Line),
                    "none" or "None" => new ConstantExpression(null, token.Line),
                    _ => new NameExpression(token.Text, token.Line),
                };
            case JinjaTokenKind.String:
                var text = token.Text;
                while (Current.Kind == JinjaTokenKind.String)
                {
                    text += _tokens[_position++].Text;
                }

                return new ConstantExpression(text, token.Line);
            case JinjaTokenKind.Integer:
                return long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var integer)
                    ? new ConstantExpression(integer, token.Line)
                    : throw Error($"the number {token.Text} does not fit into 64 bits");
            case JinjaTokenKind.Float:
                return new ConstantExpression(double.Parse(token.Text, CultureInfo.InvariantCulture), token.Line);
            case JinjaTokenKind.Operator when token.Text == "(":
                if (SkipOperator(")"))
                {
                    return new ListExpression([], IsTuple: true, token.Line);
                }

                var inner = Tuple();
                ExpectOperator(")");
                return inner;
            case JinjaTokenKind.Operator when token.Text == "[":
                List<JinjaExpression> items = [];
                while (!SkipOperator("]"))
                {
                    if (items.Count > 0)
                    {
                        ExpectOperator(",");
                        if (SkipOperator("]"))
                        {
                            break;
                        }
                    }

                    items.Add(Expression());
                }

                return new ListExpression(items, IsTuple: false, token.Line);
            case JinjaTokenKind.Operator when token.Text == "{":
                List<(JinjaExpression, JinjaExpression)> entries = [];
                while (!SkipOperator("}"))
                {
                    if (entries.Count > 0)
                    {
                        ExpectOperator(",");
                        if (SkipOperator("}"))
                        {
                            break;
                        }
                    }

                    var key = Expression();
                    ExpectOperator(":");
                    entries.Add((key, Expression()));
                }

                return new DictionaryExpression(entries, token.Line);
            default:
                _position--;
                throw Error(token.Kind == JinjaTokenKind.End ? "unexpected end of template" : $"unexpected '{token.Text}'");
        }
    }

    private JinjaExpression Postfix(JinjaExpression value)
    {
        while (true)
        {
            var line = Current.Line;
            if (SkipOperator("."))
            {
                var token = _tokens[_position++];
                value = token.Kind switch
                {
                    JinjaTokenKind.Name => new AttributeExpression(value, token.Text, line),
                    JinjaTokenKind.Integer => new SubscriptExpression(value, new ConstantExpression(long.Parse(token.Text, CultureInfo.InvariantCulture), line), line),
                    _ => throw Error("expected name or number"),
                };
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
        var start = IsOperator(":") ? null : Tuple();
        if (!SkipOperator(":"))
        {
            ExpectOperator("]");
            return new SubscriptExpression(value, start!, line);
        }

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

    private FilterExpression Filter(JinjaExpression? input)
    {
        var name = Expect(JinjaTokenKind.Name, "a filter's name");
        var filter = JinjaFilters.Find(name.Text) ?? throw new JinjaException(JinjaErrorKind.Syntax, $"No filter named '{name.Text}'.", name.Line);
        return new FilterExpression(input, name.Text, filter, IsOperator("(") ? Arguments() : ArgumentList.Empty, name.Line);
    }

    private TestExpression Test(JinjaExpression input)
    {
        var line = _tokens[_position++].Line;
        var isNegated = SkipName("not");
        var name = Expect(JinjaTokenKind.Name, "a test's name").Text;
        var test = JinjaTests.Find(name) ?? throw new JinjaException(JinjaErrorKind.Syntax, $"No test named '{name}'.", line);
        var arguments = ArgumentList.Empty;
        if (IsOperator("("))
        {
            arguments = Arguments();
        }
        else if (Current.Kind is JinjaTokenKind.String or JinjaTokenKind.Integer or JinjaTokenKind.Float || IsOperator("[") || IsOperator("{")
            || (Current.Kind == JinjaTokenKind.Name && Current.Text is not ("else" or "or" or "and" or "is" or "if" or "in" or "not" or "recursive")))
        {
            arguments = new ArgumentList([Postfix(Primary())], [], null, null);
        }

        return new TestExpression(input, name, test, arguments, isNegated, line);
    }

    private ArgumentList Arguments()
    {
        Enter();
        ExpectOperator("(");
        List<JinjaExpression> positional = [];
        List<(string, JinjaExpression)> named = [];
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
            if (SkipOperator("**"))
            {
                spreadNamed = Expression();
            }
            else if (SkipOperator("*"))
            {
                spread = Expression();
            }
            else if (Current.Kind == JinjaTokenKind.Name && _tokens[_position + 1] is { Kind: JinjaTokenKind.Operator, Text: "=" })
            {
                var name = Current.Text;
                _position += 2;
                named.Add((name, Expression()));
            }
            else if (named.Count > 0)
            {
                throw Error("invalid syntax for function call expression");
            }
            else
            {
                positional.Add(Expression());
            }
        }

        _depth--;
        return new ArgumentList(positional, named, spread, spreadNamed);
    }

    private void Enter()
    {
        if (++_depth > _limits.Depth)
        {
            throw new JinjaException(JinjaErrorKind.Limit, $"The chat template nests deeper than {_limits.Depth}.", Current.Line);
        }
    }

    private bool IsOperator(string text) => Current.Kind == JinjaTokenKind.Operator && Current.Text == text;

    private bool IsName(string text) => Current.Kind == JinjaTokenKind.Name && Current.Text == text;

    private bool SkipOperator(string text)
    {
        var found = IsOperator(text);
        _position += found ? 1 : 0;
        return found;
    }

    private bool SkipName(string text)
    {
        var found = IsName(text);
        _position += found ? 1 : 0;
        return found;
    }

    private void ExpectOperator(string text)
    {
        if (!SkipOperator(text))
        {
            throw Error($"expected token '{text}', got '{Describe(Current)}'");
        }
    }

    private void ExpectName(string text)
    {
        if (!SkipName(text))
        {
            throw Error($"expected token '{text}', got '{Describe(Current)}'");
        }
    }

    private JinjaToken Expect(JinjaTokenKind kind, string what) =>
        Current.Kind == kind ? _tokens[_position++] : throw Error($"expected {what}, got '{Describe(Current)}'");

    private void EndTag() => Expect(JinjaTokenKind.BlockEnd, "end of statement block");

    private static string Describe(JinjaToken token) => token.Kind == JinjaTokenKind.End ? "end of template" : token.Text;

    private JinjaException Error(string message) => new(JinjaErrorKind.Syntax, message, Current.Line);
}
