namespace Abi.Llm.Grammars.Automata;

/// <summary>The texts of a piece that are not empty: a counted repetition of what may be empty would otherwise count nothing.</summary>
internal static class SolidText
{
    public static bool IsNullable(GrammarNode node, GrammarRules rules)
    {
        HashSet<int> open = [];
        return Nullable(node);

        bool Nullable(GrammarNode part) => part switch
        {
            GrammarNode.Literal literal => literal.Bytes.Length == 0,
            GrammarNode.Sequence sequence => Array.TrueForAll(sequence.Parts, Nullable),
            GrammarNode.Choice choice => Array.Exists(choice.Options, Nullable),
            GrammarNode.Repeat repeat => repeat.Minimum == 0 || Nullable(repeat.Body),
            GrammarNode.Reference reference => open.Count < GrammarLimits.Nesting && open.Add(reference.Rule) && Closes(reference.Rule, Nullable(rules[reference.Rule])),
            GrammarNode.Expression expression => expression.Automaton.IsAccepting(expression.Automaton.Start),
            GrammarNode.Until => true,
            _ => false,
        };

        // a rule that is not nullable without itself is not with itself either
        bool Closes(int rule, bool result)
        {
            open.Remove(rule);
            return result;
        }
    }

    public static GrammarNode Of(GrammarNode node, GrammarRules rules, int depth = 0)
    {
        switch (node)
        {
            case GrammarNode.Literal { Bytes.Length: 0 }:
                return GrammarNode.Nothing;
            case GrammarNode.Choice choice:
                return new GrammarNode.Choice([.. choice.Options.Select(option => Of(option, rules, depth + 1))]);
            case GrammarNode.Sequence sequence when IsNullable(sequence, rules):
                return new GrammarNode.Choice([.. sequence.Parts.Select((part, i) => new GrammarNode.Sequence([Of(part, rules, depth + 1), .. sequence.Parts[(i + 1)..]]))]);
            case GrammarNode.Repeat { Maximum: 0 }:
                return GrammarNode.Nothing;
            case GrammarNode.Repeat repeat when IsNullable(repeat, rules):
                return new GrammarNode.Sequence([Of(repeat.Body, rules, depth + 1), new GrammarNode.Repeat(repeat.Body, 0, repeat.Maximum - 1)]);
            case GrammarNode.Reference reference when IsNullable(reference, rules):
                return depth < GrammarLimits.Nesting
                    ? Of(rules[reference.Rule], rules, depth + 1)
                    : throw new GrammarException(
                        $"The rule '{rules.NameOf(reference.Rule)}' may be empty, uses itself, and is repeated a counted number of times; write it so that it is not empty, or repeat it with *",
                        rules.PositionOf(reference.Rule).Line,
                        rules.PositionOf(reference.Rule).Column);
            case GrammarNode.Expression expression when IsNullable(node, rules):
                return new GrammarNode.Expression(expression.Automaton.WithoutEmpty(), expression.IsJson);
            case GrammarNode.Until:
                throw new GrammarException("Free text up to a trigger cannot be repeated a counted number of times; repeat it with *.");
            default:
                return node;
        }
    }
}
