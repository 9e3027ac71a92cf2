using System.Numerics;

namespace Abi.Llm.Grammars.Masks;

/// <summary>The tokens that may follow: a list when they are few, else a bit for each.</summary>
/// <remarks>Immutable.</remarks>
internal sealed class TokenMask
{
    private const int LargestList = 64;
    private readonly int[]? _ids;    // ascending
    private readonly ulong[]? _bits; // [vocabulary / 64]

    public TokenMask(ReadOnlySpan<ulong> bits, long greatestDistance)
    {
        GreatestDistance = greatestDistance;
        foreach (var word in bits)
        {
            Count += BitOperations.PopCount(word);
        }

        if (Count > LargestList)
        {
            _bits = bits.ToArray();
            return;
        }

        _ids = new int[Count];
        var next = 0;
        for (var i = 0; i < bits.Length; i++)
        {
            for (var word = bits[i]; word != 0; word &= word - 1)
            {
                _ids[next++] = (i * 64) + BitOperations.TrailingZeroCount(word);
            }
        }
    }

    /// <summary>How many tokens there are, end-of-generation tokens not counted.</summary>
    public int Count { get; }

    /// <summary>The most bytes to the end of a text after one of the tokens.</summary>
    public long GreatestDistance { get; }

    /// <summary>About how many bytes it takes.</summary>
    public long ByteLength => 64 + (4L * (_ids?.Length ?? 0)) + (8L * (_bits?.Length ?? 0));

    public bool Contains(int id) => _ids is null ? (_bits![id >> 6] >> id & 1) != 0 : Array.BinarySearch(_ids, id) >= 0;

    /// <summary>Forbids all other tokens.</summary>
    /// <param name="logits">[vocabulary].</param>
    /// <param name="alsoAllowed">Tokens that stay allowed besides, ascending.</param>
    public void Apply(Span<float> logits, ReadOnlySpan<int> alsoAllowed)
    {
        if (_ids is not null)
        {
            ApplyList(logits, _ids, alsoAllowed);
        }
        else
        {
            ApplyBits(logits, _bits, alsoAllowed);
        }
    }

    /// <summary>Forbids the tokens whose bits are clear.</summary>
    public static void ApplyBits(Span<float> logits, ReadOnlySpan<ulong> bits, ReadOnlySpan<int> alsoAllowed)
    {
        var next = 0;
        for (var i = 0; i * 64 < logits.Length; i++)
        {
            var word = i < bits.Length ? bits[i] : 0;
            while (next < alsoAllowed.Length && alsoAllowed[next] < (i + 1) * 64)
            {
                word |= 1UL << (alsoAllowed[next++] & 63);
            }

            var block = logits.Slice(i * 64, Math.Min(64, logits.Length - (i * 64)));
            if (word == 0)
            {
                block.Fill(float.NegativeInfinity);
            }
            else
            {
                for (var rest = ~word; rest != 0; rest &= rest - 1)
                {
                    var bit = BitOperations.TrailingZeroCount(rest);
                    if (bit >= block.Length)
                    {
                        break;
                    }

                    block[bit] = float.NegativeInfinity;
                }
            }
        }
    }

    private static void ApplyList(Span<float> logits, ReadOnlySpan<int> ids, ReadOnlySpan<int> more)
    {
        var from = 0;
        for (int i = 0, j = 0; i < ids.Length || j < more.Length;)
        {
            var id = j == more.Length || (i < ids.Length && ids[i] < more[j]) ? ids[i++] : more[j++];
            logits[from..id].Fill(float.NegativeInfinity);
            from = id + 1;
        }

        logits[from..].Fill(float.NegativeInfinity);
    }
}
