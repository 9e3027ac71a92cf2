namespace Abi.Llm.Sampling;

/// <summary>
/// "Don't repeat yourself": a token that would continue a sequence seen before loses <c>multiplier × base^(length − allowed)</c>. The lengths of all repetitions of the
/// present ending come from one linear pass (Z-algorithm on the reversed history); sequence breakers end what is followed.
/// </summary>
internal sealed class DrySampler(float multiplier, float @base, int allowedLength, int window, DryBreakers breakers) : Sampler
{
    private const float LargestExponent = 88.7228391f; // ln of the greatest float
    private readonly Dictionary<int, int> _longest = [];
    private int[] _repeats = []; // [window]: how many tokens before this place equal the ending

    public override void Apply(Candidates candidates, ReadOnlySpan<int> history)
    {
        var recent = history[Math.Max(0, history.Length - window)..];
        var limit = recent.Length > allowedLength ? breakers.DistanceFromEnd(recent) : 0;
        if (recent.Length <= allowedLength || limit < allowedLength)
        {
            return;
        }

        MeasureRepeats(recent, limit);
        _longest.Clear();
        for (var back = 1; back < recent.Length; back++)
        {
            if (_repeats[back] >= allowedLength)
            {
                ref var longest = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_longest, recent[recent.Length - back], out _);
                longest = Math.Max(longest, _repeats[back]);
            }
        }

        var greatest = @base > 1.000001f ? (int)(LargestExponent / MathF.Log(@base)) : 0;
        foreach (var (id, length) in _longest)
        {
            var entry = breakers.IsSingle(id) ? -1 : candidates.Find(id);
            if (entry >= 0)
            {
                var exponent = length - allowedLength;
                exponent = greatest > 0 ? Math.Min(exponent, greatest) : exponent;
                candidates.SetLogit(entry, candidates.Logit(entry) - (multiplier * (float)Math.Pow(@base, exponent)));
            }
        }

        candidates.IsSorted = false;
    }

    public override Sampler Clone() => new DrySampler(multiplier, @base, allowedLength, window, breakers);

    /// <summary>The Z-function of the reversed history: <c>_repeats[k]</c> tokens ending k places before the end equal the ending, at most <paramref name="limit"/>.</summary>
    private void MeasureRepeats(ReadOnlySpan<int> recent, int limit)
    {
        var count = recent.Length;
        if (_repeats.Length < count)
        {
            _repeats = new int[Math.Max(count, Math.Min(window, 4096))];
        }

        var left = 0;
        var right = 0; // the box of the match that reaches furthest: [left, right)
        for (var k = 1; k < count; k++)
        {
            var length = k < right ? Math.Min(right - k, _repeats[k - left]) : 0;
            while (k + length < count && recent[count - 1 - length] == recent[count - 1 - k - length])
            {
                length++;
            }

            _repeats[k] = length;
            if (k + length > right)
            {
                (left, right) = (k, k + length);
            }
        }

        for (var k = 1; k < count; k++)
        {
            _repeats[k] = Math.Min(_repeats[k], limit);
        }
    }
}
