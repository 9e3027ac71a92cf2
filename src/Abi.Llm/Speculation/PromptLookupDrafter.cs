namespace Abi.Llm.Speculation;

/// <summary>Guesses what followed the last place where the text ended the same way (prompt lookup decoding, Saxena 2023): the longest ending first.</summary>
internal sealed class PromptLookupDrafter(int longest, int shortest) : Drafter
{
    public override int Propose(ReadOnlySpan<int> tokens, Span<int> drafts)
    {
        for (var length = Math.Min(longest, tokens.Length - 1); length >= shortest; length--)
        {
            var at = tokens[..^1].LastIndexOf(tokens[^length..]);
            if (at >= 0)
            {
                var following = tokens[(at + length)..];
                var count = Math.Min(following.Length, drafts.Length);
                following[..count].CopyTo(drafts);
                return count;
            }
        }

        return 0;
    }

    public override void Dispose()
    {
    }
}
