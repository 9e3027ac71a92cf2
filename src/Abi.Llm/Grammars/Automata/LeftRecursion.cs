namespace Abi.Llm.Grammars.Automata;

/// <summary>Rewrites rules that begin with themselves: <c>a ::= a x | y</c> takes the same texts as <c>a ::= y x*</c>.</summary>
internal static class LeftRecursion
{
    public static void Remove(GrammarRules rules)
    {
        for (var rule = 0; rule < rules.Count; rule++)
        {
            List<GrammarNode> options = [];
            Flatten(rules[rule], options, 0);
            if (!options.Exists(option => BeginsWith(option, rule)))
            {
                continue;
            }

            List<GrammarNode> bases = [];
            List<GrammarNode> tails = [];
            foreach (var option in options)
            {
                if (!BeginsWith(option, rule))
                {
                    bases.Add(option);
                }
                else if (option is GrammarNode.Sequence { Parts.Length: > 1 } sequence)
                {
                    tails.Add(new GrammarNode.Sequence(sequence.Parts[1..]));
                }
            }

            var body = new GrammarNode.Choice([.. bases]);
            rules[rule] = tails.Count == 0 ? body : new GrammarNode.Sequence([body, new GrammarNode.Repeat(new GrammarNode.Choice([.. tails]), 0, null)]);
        }
    }

    private static void Flatten(GrammarNode node, List<GrammarNode> options, int depth)
    {
        if (node is GrammarNode.Choice choice && depth < GrammarLimits.Nesting)
        {
            foreach (var option in choice.Options)
            {
                Flatten(option, options, depth + 1);
            }
        }
        else
        {
            options.Add(node);
        }
    }

    private static bool BeginsWith(GrammarNode option, int rule) =>
        option is GrammarNode.Reference reference ? reference.Rule == rule : option is GrammarNode.Sequence { Parts: [GrammarNode.Reference first, ..] } && first.Rule == rule;
}
