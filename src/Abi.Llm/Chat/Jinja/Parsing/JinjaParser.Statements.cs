namespace Abi.Llm.Chat.Jinja;

/// <summary>The tags.</summary>
internal sealed partial class JinjaParser
{
    /// <summary>How many loops are around, within the same macro or block.</summary>
    private int _loops;

    /// <summary>How many loops are around at all: none may have its variable set.</summary>
    private int _loopTags;

    /// <summary>Statements up to a tag with one of these names, which is left to be read.</summary>
    private BlockStatement Statements(params ReadOnlySpan<string> endings)
    {
        Enter();
        List<JinjaStatement> statements = [];
        while (Current.Kind != JinjaTokenKind.End)
        {
            if (Current.Kind == JinjaTokenKind.Data)
            {
                statements.Add(new DataStatement(_tokens[_position++].Text));
            }
            else if (Current.Kind == JinjaTokenKind.PrintBegin)
            {
                _position++;
                statements.Add(new PrintStatement(Tuple()));
                Expect(JinjaTokenKind.PrintEnd, "end of print statement");
            }
            else
            {
                _position++;
                if (Current.Kind == JinjaTokenKind.Name && endings.Contains(Current.Text))
                {
                    _depth--;
                    return new BlockStatement(statements);
                }

                statements.Add(Tag());
                Expect(JinjaTokenKind.BlockEnd, "end of statement block");
            }
        }

        _depth--;
        return endings.IsEmpty
            ? new BlockStatement(statements)
            : throw Error($"Unexpected end of template. Jinja was looking for the following tags: '{string.Join("' or '", endings.ToArray())}'.");
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
            case "filter": return FilterBlock();
            case "print": return Print();
            case "autoescape": return Autoescape();
            case "block": return Block();
            case "break": return LoopControl(JinjaFlow.Break);
            case "continue": return LoopControl(JinjaFlow.Continue);
            case "include": return Include();
            case "import": return Import();
            case "from": return FromImport();
            case "extends": return Extends();
            case "generation": return Body("endgeneration"); // Hugging Face marks the assistant's part for training; it renders as its content
            default: throw new JinjaException(JinjaErrorKind.Syntax, $"Encountered unknown tag '{name.Text}'.", name.Line);
        }
    }

    /// <summary>The end of the tag, and all to a tag of this name, which is read too.</summary>
    private BlockStatement Body(string ending)
    {
        var body = BodyTo(ending);
        _position++;
        return body;
    }

    private BlockStatement BodyTo(params ReadOnlySpan<string> endings)
    {
        SkipOperator(":");
        Expect(JinjaTokenKind.BlockEnd, "end of statement block");
        return Statements(endings);
    }

    private IfStatement If()
    {
        List<(JinjaExpression, BlockStatement)> branches = [];
        BlockStatement? otherwise = null;
        var unknown = _unknown.Count;
        var isFirst = true;
        string ending;
        do
        {
            var condition = Tuple(withCondition: false);
            _names.Branches += isFirst ? 1 : 0;
            isFirst = false;
            branches.Add((condition, BodyTo("elif", "else", "endif")));
            ending = _tokens[_position++].Text;
        }
        while (ending == "elif");

        if (ending == "else")
        {
            otherwise = Body("endif");
        }

        _names.Branches--;
        _unknown.RemoveRange(unknown, _unknown.Count - unknown);
        return new IfStatement(branches, otherwise);
    }

    private ForStatement For()
    {
        var target = Target(withAttribute: false);
        _loopTags++;
        RefuseLoop(target);
        ExpectName("in");
        var items = Tuple(withCondition: false);
        JinjaExpression? filter = null;
        JinjaNames? filterNames = null;
        if (SkipName("if"))
        {
            (filter, filterNames) = InScope(Expression, target.Names());
        }

        var isRecursive = SkipName("recursive");
        var loops = _loops;
        _loops++;
        var (body, bodyNames) = InScope(() => BodyTo("endfor", "else"), [.. target.Names(), "loop"]);
        _loops = isRecursive ? 0 : loops;
        BlockStatement? otherwise = null;
        JinjaNames? otherwiseNames = null;
        if (_tokens[_position++].Text == "else")
        {
            (otherwise, otherwiseNames) = InScope(() => Body("endfor"));
        }

        _loops = loops;
        _loopTags--;
        return new ForStatement(target, items, filter, body, otherwise, isRecursive, new JinjaLoopNames(bodyNames, filterNames, otherwiseNames));
    }

    private JinjaStatement Set()
    {
        var target = Target(withAttribute: true);
        if (SkipOperator("="))
        {
            var value = Tuple();
            Store(target);
            return new SetStatement(target, value);
        }

        Store(target);
        var ((filters, body), names) = InScope(() => (IsOperator("|") ? Filters(skipFirstBar: true) : [], Body("endset")));
        return new SetBlockStatement(target, filters, body, names);
    }

    private WithStatement With()
    {
        List<(JinjaTarget Target, JinjaExpression Value)> bindings = [];
        while (Current.Kind != JinjaTokenKind.BlockEnd)
        {
            if (bindings.Count > 0)
            {
                ExpectOperator(",");
            }

            var target = Target(withAttribute: false);
            ExpectOperator("=");
            bindings.Add((target, Expression()));
        }

        var (body, names) = InScope(() => Body("endwith"), bindings.SelectMany(binding => binding.Target.Names()));
        return new WithStatement(bindings, body, names);
    }

    private FilterStatement FilterBlock()
    {
        var outer = _names;
        var ((filters, body), names) = InScope(() =>
        {
            var inner = _names;
            _names = outer;
            var filters = Filters();
            _names = inner;
            return (filters, Body("endfilter"));
        });
        return new FilterStatement(filters, body, names);
    }

    private BlockStatement Print()
    {
        List<JinjaStatement> values = [];
        while (Current.Kind != JinjaTokenKind.BlockEnd)
        {
            if (values.Count > 0)
            {
                ExpectOperator(",");
            }

            values.Add(new PrintStatement(Expression()));
        }

        return new BlockStatement(values);
    }

    private AutoescapeStatement Autoescape()
    {
        var ((value, body), names) = InScope(() => (Expression(), Body("endautoescape")));
        return new AutoescapeStatement(value, body, names);
    }

    private NamedBlockStatement Block()
    {
        var name = Expect(JinjaTokenKind.Name, "a block's name").Text;
        var (isScoped, isRequired) = (SkipName("scoped"), SkipName("required"));
        _ = _blocks.TryAdd(name, null) ? 0 : throw Error($"block '{name}' defined twice");
        var loops = _loops;
        _loops = 0;
        var own = new JinjaNames(null);
        own.Watch("self", "super");
        var (body, names) = InScope(own, () => Body("endblock"));
        _loops = loops;
        _ = isRequired && body.Statements.Any(statement => statement is not DataStatement { Text: var text } || !text.All(JinjaUnicode.IsSpace))
            ? throw Error("Required blocks can only contain comments or whitespace") : 0;
        SkipName(name);
        var block = new NamedBlockStatement(name, isScoped, isRequired, body, names);
        _blocks[name] = block;
        return block;
    }

    private LoopControlStatement LoopControl(JinjaFlow flow) => _loops > 0 ? new LoopControlStatement(flow) : throw Error($"'{(flow == JinjaFlow.Break ? "break" : "continue")}' outside loop");

    private LoadStatement Include()
    {
        var template = Expression();
        if (IsName("ignore") && Next is { Kind: JinjaTokenKind.Name, Text: "missing" })
        {
            _position += 2;
        }

        SkipContext();
        return new LoadStatement(template);
    }

    private LoadStatement Import()
    {
        var template = Expression();
        ExpectName("as");
        _names.Store(AssignableName());
        SkipContext();
        return new LoadStatement(template);
    }

    private LoadStatement FromImport()
    {
        var template = Expression();
        ExpectName("import");
        var isFirst = true;
        do
        {
            if (!isFirst)
            {
                ExpectOperator(",");
            }

            isFirst = false;
            if (SkipContext())
            {
                break;
            }

            var name = AssignableName();
            _ = name.StartsWith('_') ? throw Error("names starting with an underline can not be imported") : 0;
            _names.Store(SkipName("as") ? AssignableName() : name);
        }
        while (!SkipContext() && IsOperator(","));

        return new LoadStatement(template);
    }

    private LoadStatement Extends()
    {
        var template = Expression();
        return _names == _allNames[0] ? new LoadStatement(template) : throw Error("cannot use extend from a non top-level scope");
    }

    private bool SkipContext()
    {
        var found = (IsName("with") || IsName("without")) && Next is { Kind: JinjaTokenKind.Name, Text: "context" };
        _position += found ? 2 : 0;
        return found;
    }
}
