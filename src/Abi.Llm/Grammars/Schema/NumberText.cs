using System.Globalization;
using System.Numerics;
using Abi.Llm.Grammars.Regular;

namespace Abi.Llm.Grammars.Schema;

/// <summary>The texts of numbers between bounds, digit by digit.</summary>
internal static class NumberText
{
    private const int FractionDigits = 10;
    private const int LargestStep = 2000;

    /// <summary>The numbers of a branch.</summary>
    public static GrammarNode Of(SchemaBranch branch, int maximumDigits, string path)
    {
        var isInteger = branch.IsInteger || branch.Steps.Any(step => step.IsInteger);
        if (branch.Low is null && branch.High is null && branch.Steps.Length == 0)
        {
            return isInteger ? (GrammarNode)GrammarNode.Join(GrammarNode.Optional(GrammarNode.Text("-")), Whole(maximumDigits)) : Free(maximumDigits);
        }

        GrammarNode bounded = isInteger ? Integers(branch, maximumDigits) : Decimals(branch, maximumDigits);
        var steps = branch.Steps.Where(step => !(isInteger && step.Digits == 1 && step.Scale == 0)).ToArray();
        if (steps.Length == 0)
        {
            return bounded;
        }

        var automaton = Dfa.Of(Characters(bounded), isSearch: false);
        foreach (var step in steps)
        {
            automaton = automaton.Intersect(Multiples(step, isInteger ? 0 : steps.Max(other => other.Scale), path));
        }

        return new GrammarNode.Expression(automaton, isJson: false);
    }

    private static GrammarNode.Sequence Free(int maximumDigits) => new GrammarNode.Sequence(
    [
        GrammarNode.Optional(GrammarNode.Text("-")), Whole(maximumDigits),
        GrammarNode.Optional(new GrammarNode.Sequence([GrammarNode.Text("."), Digits(1, maximumDigits)])),
        GrammarNode.Optional(new GrammarNode.Sequence([new GrammarNode.Class(CodePointSet.OfCharacters("eE")), GrammarNode.Optional(new GrammarNode.Class(CodePointSet.OfCharacters("+-"))), Digits(1, 2)])),
    ]);

    private static GrammarNode.Choice Whole(int maximumDigits) => new GrammarNode.Choice([GrammarNode.Text("0"), new GrammarNode.Sequence([Digit(1, 9), Digits(0, maximumDigits - 1)])]);

    private static GrammarNode.Choice Integers(SchemaBranch branch, int maximumDigits)
    {
        var low = branch.Low is { } least ? branch.IsLowExcluded ? least.Floor + 1 : least.Ceiling : (BigInteger?)null;
        var high = branch.High is { } most ? branch.IsHighExcluded ? most.Ceiling - 1 : most.Floor : (BigInteger?)null;
        List<GrammarNode> options = [];
        if ((low is null || low <= 0) && (high is null || high >= 0))
        {
            options.Add(GrammarNode.Text("0"));
        }

        if (high is null || high > 0)
        {
            options.Add(Range(BigInteger.Max(1, low ?? 1), high, maximumDigits));
        }

        if (low is null || low < 0)
        {
            options.Add(GrammarNode.Join(GrammarNode.Text("-"), Range(BigInteger.Max(1, -(high ?? -1)), -low, maximumDigits)));
        }

        return new GrammarNode.Choice([.. options]);
    }

    private static GrammarNode.Choice Decimals(SchemaBranch branch, int maximumDigits)
    {
        var zero = new ExactNumber(0, 0);
        var (low, lowExcluded) = branch.Low is { } least ? (least, branch.IsLowExcluded) : ((ExactNumber?)null, false);
        var (high, highExcluded) = branch.High is { } most ? (most, branch.IsHighExcluded) : ((ExactNumber?)null, false);
        List<GrammarNode> options = [];
        if (high is null || high >= zero)
        {
            options.Add(Positive(low > zero ? low.Value : zero, low >= zero && lowExcluded, high, highExcluded, maximumDigits));
        }

        if (low is null || low < zero)
        {
            var isNear = high < zero;
            options.Add(GrammarNode.Join(GrammarNode.Text("-"), Positive(isNear ? -high!.Value : zero, !isNear || highExcluded, low is { } far ? -far : null, lowExcluded, maximumDigits)));
        }

        return new GrammarNode.Choice([.. options]);
    }

    /// <summary>Decimal texts from a bound that is not negative.</summary>
    private static GrammarNode.Choice Positive(ExactNumber low, bool lowExcluded, ExactNumber? high, bool highExcluded, int maximumDigits)
    {
        List<GrammarNode> options = [];
        var first = low.Floor;
        var places = Math.Max(low.Scale, high?.Scale ?? 0);
        var lowDigits = Fraction(low, places);
        if (high is not { } top || top.Floor > first)
        {
            if (!lowExcluded && low.IsInteger)
            {
                options.Add(Number(first, null));
            }

            options.Add(Number(first, Between(lowDigits, !lowExcluded, null, true, 0, isFirst: true)));
            if (high is null)
            {
                options.Add(GrammarNode.Join(Range(first + 1, null, maximumDigits), AnyFraction()));
            }
            else
            {
                var last = high.Value.Floor;
                if (first + 1 <= last - 1)
                {
                    options.Add(GrammarNode.Join(Range(first + 1, last - 1, maximumDigits), AnyFraction()));
                }

                if (!highExcluded || !high.Value.IsInteger)
                {
                    options.Add(Number(last, null));
                }

                options.Add(Number(last, Between(null, true, Fraction(high.Value, places), !highExcluded, 0, isFirst: true)));
            }
        }
        else
        {
            var highDigits = Fraction(top, places);
            if (!lowExcluded && low.IsInteger && (!highExcluded || !top.IsInteger))
            {
                options.Add(Number(first, null));
            }

            options.Add(Number(first, Between(lowDigits, !lowExcluded, highDigits, !highExcluded, 0, isFirst: true)));
        }

        return new GrammarNode.Choice([.. options]);

        static GrammarNode Number(BigInteger whole, GrammarNode? fraction)
        {
            var text = GrammarNode.Text(whole.ToString(CultureInfo.InvariantCulture));
            return fraction is null ? text : GrammarNode.Join(text, GrammarNode.Text("."), fraction);
        }

        static GrammarNode AnyFraction() => GrammarNode.Optional(new GrammarNode.Sequence([GrammarNode.Text("."), Digits(1, FractionDigits)]));
    }

    /// <summary>The digits after the point, to so many places.</summary>
    private static int[] Fraction(ExactNumber value, int places)
    {
        var digits = value.At(places) - (value.Floor * BigInteger.Pow(10, places));
        return [.. digits.ToString(CultureInfo.InvariantCulture).PadLeft(places, '0').Take(places).Select(digit => digit - '0')];
    }

    /// <summary>Digits whose fraction lies between two others; null bounds nothing on that side.</summary>
    private static GrammarNode Between(int[]? low, bool lowIncluded, int[]? high, bool highIncluded, int at, bool isFirst)
    {
        List<GrammarNode> options = [];
        var endsLow = low is null || (lowIncluded && Array.TrueForAll(low[Math.Min(at, low.Length)..], digit => digit == 0));
        var endsHigh = high is null || highIncluded || Array.Exists(high[Math.Min(at, high.Length)..], digit => digit != 0);
        if (!isFirst && endsLow && endsHigh)
        {
            options.Add(GrammarNode.Empty);
        }

        if (low is null && high is null)
        {
            return isFirst ? Digits(1, FractionDigits) : Digits(0, FractionDigits);
        }

        var length = Math.Max(low?.Length ?? 0, high?.Length ?? 0);
        if (at >= length + FractionDigits)
        {
            return new GrammarNode.Choice([.. options]);
        }

        var least = low is null || at >= low.Length ? 0 : low[at];
        var most = high is null ? 9 : at >= high.Length ? 0 : high[at];
        if (least == most && low is not null && high is not null)
        {
            options.Add(GrammarNode.Join(Digit(least, least), Between(low, lowIncluded, high, highIncluded, at + 1, false)));
        }
        else if (least <= most)
        {
            var from = least;
            var to = most;
            if (low is not null)
            {
                options.Add(GrammarNode.Join(Digit(least, least), at >= low.Length && lowIncluded ? Digits(0, FractionDigits) : Between(low, lowIncluded, null, true, at + 1, false)));
                from++;
            }

            if (high is not null)
            {
                options.Add(GrammarNode.Join(Digit(most, most), Between(null, true, high, highIncluded, at + 1, false)));
                to--;
            }

            if (from <= to)
            {
                options.Add(GrammarNode.Join(Digit(from, to), Digits(0, FractionDigits)));
            }
        }

        return new GrammarNode.Choice([.. options]);
    }

    /// <summary>Whole numbers from a positive bound; without an upper one, as long as allowed.</summary>
    private static GrammarNode Range(BigInteger first, BigInteger? last, int maximumDigits)
    {
        var low = first.ToString(CultureInfo.InvariantCulture);
        var most = last ?? BigInteger.Pow(10, Math.Max(maximumDigits, low.Length + 1)) - 1;
        var high = most.ToString(CultureInfo.InvariantCulture);
        if (first > most)
        {
            return GrammarNode.Nothing;
        }

        List<GrammarNode> options = [];
        for (var length = low.Length; length <= high.Length; length++)
        {
            if (length == low.Length || length == high.Length)
            {
                options.Add(SameLength(length == low.Length ? low : "1" + new string('0', length - 1), length == high.Length ? high : new string('9', length)));
            }
            else
            {
                // all lengths between at once
                options.Add(GrammarNode.Join(Digit(1, 9), Digits(length - 1, high.Length - 2)));
                length = high.Length - 1;
            }
        }

        return new GrammarNode.Choice([.. options]);
    }

    private static GrammarNode SameLength(string low, string high)
    {
        var (least, most) = (low[0] - '0', high[0] - '0');
        if (low.Length == 1)
        {
            return Digit(least, most);
        }

        if (least == most)
        {
            return GrammarNode.Join(Digit(least, least), SameLength(low[1..], high[1..]));
        }

        List<GrammarNode> options = [];
        if (low.AsSpan(1).ContainsAnyExcept('0'))
        {
            options.Add(GrammarNode.Join(Digit(least, least), SameLength(low[1..], new string('9', low.Length - 1))));
            least++;
        }

        var cutsLast = high.AsSpan(1).ContainsAnyExcept('9');
        if (least <= (cutsLast ? most - 1 : most))
        {
            options.Add(GrammarNode.Join(Digit(least, cutsLast ? most - 1 : most), Digits(low.Length - 1, low.Length - 1)));
        }

        if (cutsLast)
        {
            options.Add(GrammarNode.Join(Digit(most, most), SameLength(new string('0', low.Length - 1), high[1..])));
        }

        return new GrammarNode.Choice([.. options]);
    }

    /// <summary>Numbers with up to so many decimals that are multiples of a step: remainders, digit by digit.</summary>
    private static Dfa Multiples(ExactNumber step, int decimals, string path)
    {
        var scale = Math.Max(decimals, step.Scale);
        var scaled = step.At(scale);
        if (scaled <= 0 || scaled > LargestStep)
        {
            throw new GrammarException($"'multipleOf' at {path} cannot be honoured: steps up to {LargestStep} units of their last decimal can; '{step.Digits}e-{step.Scale}' is larger or not positive.");
        }

        // states: 0 begin, then remainder × (places done + 1); places done 0: before the point
        var modulus = (int)scaled;
        var layers = scale + 1;
        var edges = new List<(CodePointSet, int)[]> { Moves(0, 0) };
        var accepting = new List<bool> { false };
        for (var layer = 0; layer < layers; layer++)
        {
            for (var rest = 0; rest < modulus; rest++)
            {
                var moves = Moves(layer, rest).ToList();
                if (layer == 0 && scale > 0)
                {
                    moves.Add((CodePointSet.OfCharacters("."), 1 + (layers * modulus) + rest));
                }

                edges.Add([.. moves]);
                accepting.Add(Scaled(rest, scale - layer) == 0);
            }
        }

        for (var rest = 0; scale > 0 && rest < modulus; rest++)
        {
            edges.Add([.. Moves(0, rest, into: 1)]); // just behind the point: a digit must follow
            accepting.Add(false);
        }

        edges.Add(Moves(0, 0));
        accepting.Add(false);
        var sign = edges.Count - 1;
        edges[0] = [.. edges[0], (CodePointSet.OfCharacters("-"), sign)];
        return new Dfa([.. edges], [.. accepting]).Trim();

        int Scaled(int rest, int places) => (int)(rest * BigInteger.Pow(10, places) % modulus);

        (CodePointSet, int)[] Moves(int layer, int rest, int into = -1)
        {
            var target = into >= 0 ? into : layer == 0 ? 0 : layer + 1;
            return target >= layers && layer > 0 ? [] : [.. Enumerable.Range(0, 10).Select(digit => (CodePointSet.Of(('0' + digit, '0' + digit)), 1 + (target * modulus) + (((rest * 10) + digit) % modulus)))];
        }
    }

    /// <summary>The same piece with characters for literals, as expressions want it.</summary>
    private static GrammarNode Characters(GrammarNode node) => node switch
    {
        GrammarNode.Literal literal => new GrammarNode.Sequence([.. literal.Bytes.Select(value => (GrammarNode)new GrammarNode.Class(CodePointSet.Of((value, value))))]),
        GrammarNode.Sequence sequence => new GrammarNode.Sequence([.. sequence.Parts.Select(Characters)]),
        GrammarNode.Choice choice => new GrammarNode.Choice([.. choice.Options.Select(Characters)]),
        GrammarNode.Repeat repeat => new GrammarNode.Repeat(Characters(repeat.Body), repeat.Minimum, repeat.Maximum),
        _ => node,
    };

    private static GrammarNode.Class Digit(int first, int last) => new(CodePointSet.Of(('0' + first, '0' + last)));

    private static GrammarNode.Repeat Digits(int minimum, int maximum) => new GrammarNode.Repeat(Digit(0, 9), minimum, maximum);
}
