using System.Numerics;

namespace Abi.Database.Filters;

/// <summary>Sets of slots, one bit each.</summary>
internal static class FilterBits
{
    public static void And(ulong[] bits, ulong[] other)
    {
        for (var i = 0; i < bits.Length; i++)
        {
            bits[i] &= other[i];
        }
    }

    public static void Or(ulong[] bits, ulong[] other)
    {
        for (var i = 0; i < bits.Length; i++)
        {
            bits[i] |= other[i];
        }
    }

    public static void Not(ulong[] bits)
    {
        for (var i = 0; i < bits.Length; i++)
        {
            bits[i] = ~bits[i];
        }
    }

    public static int Count(ulong[] bits)
    {
        var count = 0;
        foreach (var word in bits)
        {
            count += BitOperations.PopCount(word);
        }

        return count;
    }
}
