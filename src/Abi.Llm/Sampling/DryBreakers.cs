namespace Abi.Llm.Sampling;

/// <summary>
/// The sequence breakers of DRY as tokens: a breaker text may lie within one token, or begin in a token (the head) and go on in the tokens that its rest makes (the tail).
/// </summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal sealed partial class DryBreakers
{
    private readonly Dictionary<int, int[][]> _tails;

    private DryBreakers(Dictionary<int, int[][]> tails) => _tails = tails;

    public static DryBreakers None { get; } = new([]);

    /// <summary>Whether the token alone holds a breaker.</summary>
    public bool IsSingle(int id) => _tails.TryGetValue(id, out var tails) && Array.Exists(tails, tail => tail.Length == 0);

    /// <summary>How many tokens lie after the last breaker; all when there is none.</summary>
    public int DistanceFromEnd(ReadOnlySpan<int> recent)
    {
        for (var back = 0; back < recent.Length; back++)
        {
            if (!_tails.TryGetValue(recent[recent.Length - 1 - back], out var tails))
            {
                continue;
            }

            var after = recent[(recent.Length - back)..];
            var longest = -1;
            foreach (var tail in tails)
            {
                if (tail.Length > longest && after.StartsWith(tail))
                {
                    longest = tail.Length;
                }
            }

            if (longest >= 0)
            {
                return back - longest;
            }
        }

        return recent.Length;
    }
}
