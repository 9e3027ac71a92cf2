using System.Runtime.InteropServices;

namespace Abi.Llm.Grammars.Regular;

/// <summary>A set of numbers of characters as sorted, disjoint, not touching ranges, both ends included.</summary>
/// <remarks>Immutable.</remarks>
internal sealed class CodePointSet : IEquatable<CodePointSet>
{
    public const int Last = 0x10FFFF;

    private readonly (int First, int Last)[] _ranges;

    private CodePointSet((int First, int Last)[] ranges) => _ranges = ranges;

    public static CodePointSet None { get; } = new([]);

    /// <summary>Every character of Unicode; surrogates are none.</summary>
    public static CodePointSet All { get; } = new([(0, 0xD7FF), (0xE000, Last)]);

    public ReadOnlySpan<(int First, int Last)> Ranges => _ranges;

    public bool IsEmpty => _ranges.Length == 0;

    public static CodePointSet Of(params ReadOnlySpan<(int First, int Last)> ranges)
    {
        var sorted = ranges.ToArray();
        Array.Sort(sorted);
        List<(int First, int Last)> merged = [];
        foreach (var range in sorted)
        {
            if (range.First > range.Last)
            {
                continue;
            }

            if (merged.Count > 0 && range.First <= merged[^1].Last + 1)
            {
                merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, range.Last));
            }
            else
            {
                merged.Add(range);
            }
        }

        return new CodePointSet([.. merged]);
    }

    public static CodePointSet OfCharacters(string characters)
    {
        var ranges = new List<(int, int)>();
        foreach (var rune in characters.EnumerateRunes())
        {
            ranges.Add((rune.Value, rune.Value));
        }

        return Of(CollectionsMarshal.AsSpan(ranges));
    }

    public bool Contains(int value)
    {
        var (low, high) = (0, _ranges.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            if (value < _ranges[middle].First)
            {
                high = middle - 1;
            }
            else if (value > _ranges[middle].Last)
            {
                low = middle + 1;
            }
            else
            {
                return true;
            }
        }

        return false;
    }

    public CodePointSet Union(CodePointSet other) => Of([.. _ranges, .. other._ranges]);

    public CodePointSet Intersect(CodePointSet other)
    {
        List<(int, int)> result = [];
        for (int i = 0, j = 0; i < _ranges.Length && j < other._ranges.Length;)
        {
            var first = Math.Max(_ranges[i].First, other._ranges[j].First);
            var last = Math.Min(_ranges[i].Last, other._ranges[j].Last);
            if (first <= last)
            {
                result.Add((first, last));
            }

            if (_ranges[i].Last < other._ranges[j].Last)
            {
                i++;
            }
            else
            {
                j++;
            }
        }

        return new CodePointSet([.. result]);
    }

    /// <summary>The characters of Unicode that are not in the set.</summary>
    public CodePointSet Complement() => All.Intersect(ComplementWithin(Last));

    public CodePointSet Except(CodePointSet other) => Intersect(other.ComplementWithin(int.MaxValue - 1));

    /// <summary>The numbers from 0 to <paramref name="last"/> that are not in the set.</summary>
    public CodePointSet ComplementWithin(int last)
    {
        List<(int, int)> result = [];
        var next = 0;
        foreach (var range in _ranges)
        {
            if (range.First > last)
            {
                break;
            }

            if (range.First > next)
            {
                result.Add((next, range.First - 1));
            }

            next = range.Last + 1;
        }

        if (next <= last)
        {
            result.Add((next, last));
        }

        return new CodePointSet([.. result]);
    }

    public bool Equals(CodePointSet? other) => other is not null && _ranges.AsSpan().SequenceEqual(other._ranges);

    public override bool Equals(object? obj) => Equals(obj as CodePointSet);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var range in _ranges)
        {
            hash.Add(range);
        }

        return hash.ToHashCode();
    }
}
