namespace Abi.Llm.Grammars.Regular;

/// <summary>Expressions as pieces of grammars.</summary>
internal static class RegexGrammar
{
    /// <summary>The texts that an expression matches from their beginning to their end.</summary>
    public static GrammarNode Whole(string pattern)
    {
        var node = WithoutOuterAnchors(RegexParser.Parse(pattern));
        return HasAnchors(node) ? new GrammarNode.Expression(Dfa.Of(node, isSearch: false), isJson: false) : node;
    }

    /// <summary>The expression without <c>^</c> at its beginning and <c>$</c> at its end.</summary>
    public static GrammarNode WithoutOuterAnchors(GrammarNode node)
    {
        var parts = node is GrammarNode.Sequence sequence ? sequence.Parts.AsSpan() : [node];
        while (parts is [GrammarNode.Anchor { IsEnd: false }, ..])
        {
            parts = parts[1..];
        }

        while (parts is [.., GrammarNode.Anchor { IsEnd: true }])
        {
            parts = parts[..^1];
        }

        return GrammarNode.Join(parts);
    }

    private static bool HasAnchors(GrammarNode node) => node switch
    {
        GrammarNode.Anchor => true,
        GrammarNode.Sequence sequence => Array.Exists(sequence.Parts, HasAnchors),
        GrammarNode.Choice choice => Array.Exists(choice.Options, HasAnchors),
        GrammarNode.Repeat repeat => HasAnchors(repeat.Body),
        _ => false,
    };
}
