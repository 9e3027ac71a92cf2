namespace Abi.Llm.Grammars.Masks;

/// <summary>The tokens that a place within a rule takes, whatever the stack below the rule is.</summary>
/// <param name="bits">A bit for each token that stays within the rule, or ends where the rule does: [vocabulary / 64].</param>
/// <param name="exits">The nodes of the tree of tokens at which the rule can end: what follows depends on the stack.</param>
/// <param name="greatestDistance">The most bytes to the rule's end after one of the tokens.</param>
internal sealed class SymbolicMask(ulong[] bits, int[] exits, long greatestDistance)
{
    public ulong[] Bits => bits;

    public int[] Exits => exits;

    public long GreatestDistance => greatestDistance;
}
