using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Sampling;

/// <summary>
/// Finding the tokens of breaker texts: one pass over the vocabulary for each. A token counts as it reads at the beginning of a text, as in llama.cpp: where the tokenizer puts a space in front
/// of texts, a token's own first space is not part of it, so " the" is found in no token "▁the".
/// </summary>
internal sealed partial class DryBreakers
{
    private const int LongestText = 40;
    private const int LongestTail = 20;
    private const int MostMade = 64; // of a tokenizer
    private static readonly ConditionalWeakTable<Tokenizer, ConcurrentDictionary<string, DryBreakers>> Made = [];

    /// <summary>The breakers of a tokenizer, found once as long as there are not too many: they come with requests.</summary>
    public static DryBreakers Create(Tokenizer tokenizer, ImmutableArray<string> breakers)
    {
        var made = Made.GetValue(tokenizer, static _ => new ConcurrentDictionary<string, DryBreakers>(StringComparer.Ordinal));
        var key = string.Concat(breakers.Select(static text => $"{text.Length}:{text}"));
        if (made.TryGetValue(key, out var known))
        {
            return known;
        }

        if (made.Count >= MostMade)
        {
            made.Clear();
        }

        return made.GetOrAdd(key, static (_, source) => Find(source.tokenizer, source.breakers), (tokenizer, breakers));
    }

    private static DryBreakers Find(Tokenizer tokenizer, ImmutableArray<string> breakers)
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
                word = tokenizer.DropsFirstSpace && word.StartsWith(" "u8) ? word[1..] : word;
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
}
