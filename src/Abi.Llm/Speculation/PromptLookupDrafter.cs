namespace Abi.Llm.Speculation;

/// <summary>Guesses what followed the last place where the text ended the same way (prompt lookup decoding, Saxena 2023): the longest ending first.</summary>
internal sealed class PromptLookupDrafter(int longest, int shortest) : Drafter
{
    public override int Propose(ReadOnlySpan<int> tokens, Span<int> drafts)
    {
        if (tokens.Length <= shortest)
        {
            return 0;
        }

        var ending = tokens[^shortest..];
        var (best, bestEnd) = (0, 0);
        for (var end = tokens.Length - 1; best < longest; end--)
        {
            var at = tokens[..end].LastIndexOf(ending);
            if (at < 0)
            {
                break;
            }

            end = at + shortest;
            var length = shortest;
            while (length < Math.Min(longest, end) && tokens[end - 1 - length] == tokens[^(length + 1)])
            {
                length++;
            }

            if (length > best)
            {
                (best, bestEnd) = (length, end);
            }
        }

        if (best == 0)
        {
            return 0;
        }

        var following = tokens[bestEnd..];
        var count = Math.Min(following.Length, drafts.Length);
        following[..count].CopyTo(drafts);
        return count;
    }

    public override void Dispose()
    {
    }
}
