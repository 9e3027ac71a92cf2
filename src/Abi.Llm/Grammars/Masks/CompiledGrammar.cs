using Abi.Llm.Grammars.Automata;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Grammars.Masks;

/// <summary>A grammar for one tokenizer: its automaton, and the states and masks met so far, which are made anew when they take too much memory.</summary>
/// <remarks>Whoever uses it holds <see cref="Gate"/>.</remarks>
internal sealed class CompiledGrammar
{
    private readonly Pushdown _automaton;
    private readonly bool _isComplete;

    public CompiledGrammar(GrammarRules rules, Tokenizer tokenizer)
    {
        Trie = TokenTrie.Of(tokenizer);
        Tokenizer = tokenizer;
        _automaton = PushdownBuilder.Build(rules, Trie.UsableBytes, token => Ids(token, tokenizer));
        _isComplete = Array.TrueForAll(_automaton.Nodes, node => Array.TrueForAll(node.Edges, HasAllBytes));
        Reset();
        if (_automaton.Nodes[_automaton.Start].Distance >= PushdownNode.Endless || Planner.PlanOf(Space.Start) == int.MaxValue)
        {
            throw new GrammarException(
                $"No text of the grammar can be spelt: the rule '{rules.NameOf(rules.Root)}' never ends, or needs bytes that the vocabulary of {tokenizer.VocabularySize} tokens does not have",
                rules.PositionOf(rules.Root).Line,
                rules.PositionOf(rules.Root).Column);
        }
    }

    public Lock Gate { get; } = new();

    public Tokenizer Tokenizer { get; }

    public TokenTrie Trie { get; }

    public StateSpace Space { get; private set; } = null!;

    public MaskMaker Masks { get; private set; } = null!;

    public CompletionPlanner Planner { get; private set; } = null!;

    /// <summary>The state as one of the present <see cref="Space"/>, for whatever is done for one token.</summary>
    public PushdownState Current(PushdownState state)
    {
        if (Space.Bytes + Masks.Bytes > GrammarLimits.CacheBytes)
        {
            Reset();
        }

        Space.BeginToken();
        if (state.Space == Space)
        {
            return state;
        }

        var imported = Space.Import(state);
        imported.Plan = state.Plan;
        imported.IsPlanned = state.IsPlanned;
        return imported;
    }

    private static int[] Ids(GrammarNode.Token token, Tokenizer tokenizer)
    {
        if (token.Id is { } id)
        {
            return (uint)id < (uint)tokenizer.VocabularySize
                ? [id]
                : throw new GrammarException($"There is no token {id}: the vocabulary has {tokenizer.VocabularySize} tokens, from 0", token.Position.Line, token.Position.Column);
        }

        var ids = tokenizer.Encode(token.Spelling, addSpecial: false, parseSpecial: true);
        return ids.Length == 1
            ? ids
            : throw new GrammarException($"'{token.Spelling}' is {ids.Length} tokens of this vocabulary; a token in a grammar must be exactly one", token.Position.Line, token.Position.Column);
    }

    private bool HasAllBytes(ByteEdge edge)
    {
        for (int value = edge.First; value <= edge.Last; value++)
        {
            if (Trie.SingleBytes[value] < 0)
            {
                return false;
            }
        }

        return true;
    }

    private void Reset()
    {
        Space = new StateSpace(_automaton, Trie.LongestToken);
        Planner = new CompletionPlanner(Space, Trie, _isComplete);
        Masks = new MaskMaker(Space, Trie, _isComplete, Planner);
    }
}
