namespace Abi.Llm.Grammars.Automata;

/// <summary>The texts of a piece that are not empty: a counted repetition of what may be empty would otherwise count nothing.</summary>
internal sealed class SolidText(GrammarRules rules)
{
    private const int MostWork = 5_000_000;
    private readonly Dictionary<int, int> _solidRules = [];
    private readonly List<int> _originals = []; // of the rules behind those of the grammar
    private long _work;

    /// <summary>What a rule is: one of the grammar, or the texts of such a one that are not empty.</summary>
    public GrammarNode Body(int rule) => rule < rules.Count ? rules[rule] : Of(rules[Original(rule)]);

    /// <summary>The rule of the grammar that a rule comes from.</summary>
    public int Original(int rule) => rule < rules.Count ? rule : _originals[rule - rules.Count];

    public bool IsNullable(GrammarNode node)
    {
        HashSet<int> open = [];
        return Nullable(node);

        bool Nullable(GrammarNode part)
        {
            Count(1);
            return part switch
            {
                GrammarNode.Literal literal => literal.Bytes.Length == 0,
                GrammarNode.Sequence sequence => Array.TrueForAll(sequence.Parts, Nullable),
                GrammarNode.Choice choice => Array.Exists(choice.Options, Nullable),
                GrammarNode.Repeat repeat => repeat.Minimum == 0 || Nullable(repeat.Body),
                GrammarNode.Reference reference => reference.Rule < rules.Count && open.Count < GrammarLimits.Nesting && open.Add(reference.Rule) && Closes(reference.Rule, Nullable(rules[reference.Rule])),
                GrammarNode.Expression expression => expression.Automaton.IsAccepting(expression.Automaton.Start),
                GrammarNode.Until => true,
                _ => false,
            };
        }

        // a rule that is not nullable without itself is not with itself either
        bool Closes(int rule, bool result)
        {
            open.Remove(rule);
            return result;
        }
    }

    public GrammarNode Of(GrammarNode node)
    {
        Count(1);
        switch (node)
        {
            case GrammarNode.Literal { Bytes.Length: 0 }:
                return GrammarNode.Nothing;
            case GrammarNode.Choice choice:
                return new GrammarNode.Choice([.. choice.Options.Select(option => Of(option))]);
            case GrammarNode.Sequence sequence when IsNullable(sequence):
                Count((long)sequence.Parts.Length * sequence.Parts.Length);
                return new GrammarNode.Choice([.. sequence.Parts.Select((part, i) => new GrammarNode.Sequence([Of(part), .. sequence.Parts[(i + 1)..]]))]);
            case GrammarNode.Repeat { Maximum: 0 }:
                return GrammarNode.Nothing;
            case GrammarNode.Repeat repeat when IsNullable(repeat):
                return new GrammarNode.Sequence([Of(repeat.Body), new GrammarNode.Repeat(repeat.Body, 0, repeat.Maximum - 1)]);
            case GrammarNode.Reference reference when IsNullable(reference):
                return new GrammarNode.Reference(SolidRuleOf(reference.Rule)); // not its text: it may use itself
            case GrammarNode.Expression expression when IsNullable(node):
                return new GrammarNode.Expression(expression.Automaton.WithoutEmpty(), expression.IsJson);
            case GrammarNode.Until:
                throw new GrammarException("Free text up to a trigger cannot be repeated a counted number of times; repeat it with *.");
            default:
                return node;
        }
    }

    private int SolidRuleOf(int rule)
    {
        if (!_solidRules.TryGetValue(rule, out var solid))
        {
            solid = rules.Count + _originals.Count;
            _originals.Add(rule);
            _solidRules.Add(rule, solid);
        }

        return solid;
    }

    private void Count(long work)
    {
        _work += work;
        if (_work > MostWork)
        {
            throw new GrammarException("What is repeated a counted number of times may be empty in too many ways; write it so that it is not empty, or repeat it with *.");
        }
    }
}
