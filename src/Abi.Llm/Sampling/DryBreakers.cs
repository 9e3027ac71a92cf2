using System.Collections.Immutable;
using System.Text;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Sampling;

/// <summary>
/// The sequence breakers of DRY as tokens: a breaker text may lie within one token, or begin in a token (the head) and go on in the tokens that its rest makes (the tail).
/// </summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal sealed class DryBreakers
{
    private const int LongestText = 40;
    private const int LongestTail = 20;
    private readonly Dictionary<int, int[][]> _tails;

    private DryBreakers(Dictionary<int, int[][]> tails) => _tails = tails;

    public static DryBreakers None { get; } = new([]);

    /// <summary>Goes through the vocabulary once for each breaker.</summary>
    public static DryBreakers Create(Tokenizer tokenizer, ImmutableArray<string> breakers)
    {
        var found = new Dictionary<int, List<int[]>>();
        foreach (var text in breakers)
        {
            ReadOnlySpan<byte> breaker = Encoding.UTF8.GetBytes(text);
            breaker = breaker[..Math.Min(breaker.Length, LongestText)];
            if (breaker.IsEmpty)
            {
                continue;
            }

            for (var id = 0; id < tokenizer.VocabularySize; id++)
            {
                var word = tokenizer.TokenBytes(id, special: true);
                if (word.IndexOf(breaker) >= 0)
                {
                    Add(id, []);
                    continue;
                }

                for (var at = word.Length - Math.Min(word.Length, breaker.Length - 1); at < word.Length; at++)
                {
                    if (breaker.StartsWith(word[at..]))
                    {
                        var tail = tokenizer.Encode(breaker[(word.Length - at)..], addSpecial: false, parseSpecial: false);
                        Add(id, tail.Length > LongestTail ? tail[..LongestTail] : tail);
                    }
                }
            }
        }

        return new DryBreakers(found.ToDictionary(pair => pair.Key, pair => pair.Value.ToArray()));

        void Add(int id, int[] tail)
        {
            if (!found.TryGetValue(id, out var tails))
            {
                found.Add(id, tails = []);
            }

            if (!tails.Exists(other => other.AsSpan().SequenceEqual(tail)))
            {
                tails.Add(tail);
            }
        }
    }

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
