using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Scalar;

/// <summary>Attention, page by page with an online softmax (paper: Milakov and Gimelshein 2018), in ascending order of pages.</summary>
internal static class ScalarAttention
{
    public static void Store(Store o, ScalarStep step)
    {
        var state = step.State;
        for (var row = 0; row < step.Inputs.RowCount; row++)
        {
            var position = step.Inputs.Positions[row];
            var page = step.Inputs.Sequences[step.Inputs.RowSequences[row]].Pages(o.Layer.Group)[position / StateStore.PageLength];
            var at = position % StateStore.PageLength;
            var keys = state.Keys(o.Layer, page).AsSpan(at * o.Keys.Width, o.Keys.Width);
            var values = state.Values(o.Layer, page).AsSpan(at * o.Values.Width, o.Values.Width);
            step[o.Keys].AsSpan(row * o.Keys.Width, o.Keys.Width).CopyTo(keys);
            step[o.Values].AsSpan(row * o.Values.Width, o.Values.Width).CopyTo(values);
            for (var head = 0; head < o.Layer.Heads; head++)
            {
                state.RoundKey(keys.Slice(head * o.Layer.KeySize, o.Layer.KeySize));
                state.RoundValue(values.Slice(head * o.Layer.ValueSize, o.Layer.ValueSize));
            }
        }
    }

    public static void Attend(Attend o, ScalarStep step)
    {
        var layer = o.Layer;
        for (var row = 0; row < step.Rows(o.Queries); row++)
        {
            var sequence = step.Sequence(o.Queries, row);
            var pages = sequence.Pages(layer.Group).ToArray();
            Attend(step, o.Queries, o.Result, o.Settings, row, step.Position(o.Queries, row), sequence.Length(layer.Group), layer.Heads, layer.KeySize, layer.ValueSize, position =>
            {
                var page = pages[position / StateStore.PageLength];
                var at = position % StateStore.PageLength;
                return (step.State.Keys(layer, page), at * layer.Heads * layer.KeySize, step.State.Values(layer, page), at * layer.Heads * layer.ValueSize);
            });
        }
    }

    public static void AttendWithin(AttendWithin o, ScalarStep step)
    {
        var (keySize, valueSize) = (o.Queries.Width / o.Settings.Heads, o.Values.Width / o.KeyValueHeads);
        for (var row = 0; row < step.Inputs.RowCount; row++)
        {
            var sequence = step.Inputs.Sequences[step.Inputs.RowSequences[row]];
            Attend(step, o.Queries, o.Result, o.Settings with { Causal = false }, row, row - sequence.FirstRow, sequence.RowCount, o.KeyValueHeads, keySize, valueSize, position =>
                (step[o.Keys], (sequence.FirstRow + position) * o.Keys.Width, step[o.Values], (sequence.FirstRow + position) * o.Values.Width));
        }
    }

    private static void Attend(
        ScalarStep step, Value queries, Value result, AttentionSettings settings, int row, int position, int length, int keyValueHeads, int keySize, int valueSize,
        Func<int, (float[] Keys, int KeyOffset, float[] Values, int ValueOffset)> at)
    {
        var (q, y) = (step[queries], step[result]);
        var (first, last) = Visible(settings, position, length);
        var slopes = settings.AlibiMaxBias > 0 ? AlibiSlopes(settings.Heads, settings.AlibiMaxBias) : null;
        var relative = settings.RelativeBias?.ToFloats();
        var sinks = settings.Sinks?.ToFloats();
        var scores = new float[StateStore.PageLength];
        for (var head = 0; head < settings.Heads; head++)
        {
            var keyValueHead = head / (settings.Heads / keyValueHeads);
            var output = y.AsSpan((row * result.Width) + (head * valueSize), valueSize);
            output.Clear();
            var (greatest, sum) = (float.NegativeInfinity, 0f);
            for (var page = first / StateStore.PageLength; page * StateStore.PageLength <= last; page++)
            {
                var (from, to) = (Math.Max(first, page * StateStore.PageLength), Math.Min(last, ((page + 1) * StateStore.PageLength) - 1));
                var pageGreatest = greatest;
                for (var p = from; p <= to; p++)
                {
                    var (keys, offset, _, _) = at(p);
                    var dot = 0f;
                    for (var i = 0; i < keySize; i++)
                    {
                        dot = MathF.FusedMultiplyAdd(q[(row * queries.Width) + (head * keySize) + i], keys[offset + (keyValueHead * keySize) + i], dot);
                    }

                    var score = dot * settings.Scale;
                    score = settings.SoftCap > 0 ? settings.SoftCap * MathF.Tanh(score / settings.SoftCap) : score;
                    score += slopes is null ? 0 : slopes[head] * -Math.Abs(position - p);
                    score += relative is null ? 0 : relative[(RelativeBucket(p - position, relative.Length / settings.Heads, settings.RelativeBidirectional) * settings.Heads) + head];
                    scores[p - from] = score;
                    pageGreatest = MathF.Max(pageGreatest, score);
                }

                Rescale(output, ref greatest, ref sum, pageGreatest);
                for (var p = from; p <= to; p++)
                {
                    var (_, _, values, offset) = at(p);
                    var weight = MathF.Exp(scores[p - from] - greatest);
                    sum += weight;
                    for (var i = 0; i < valueSize; i++)
                    {
                        output[i] = MathF.FusedMultiplyAdd(weight, values[offset + (keyValueHead * valueSize) + i], output[i]);
                    }
                }
            }

            if (sinks is not null)
            {
                Rescale(output, ref greatest, ref sum, MathF.Max(greatest, sinks[head]));
                sum += MathF.Exp(sinks[head] - greatest);
            }

            for (var i = 0; i < valueSize; i++)
            {
                output[i] /= sum;
            }
        }
    }

    /// <summary>The first and last position that a token sees.</summary>
    public static (int First, int Last) Visible(AttentionSettings settings, int position, int length)
    {
        if (!settings.Causal)
        {
            return settings.Window > 0
                ? (Math.Max(0, position - (settings.Window / 2)), Math.Min(length - 1, position + (settings.Window / 2)))
                : (0, length - 1);
        }

        var first = settings.Window == 0 ? 0 : settings.ChunkedWindow ? position / settings.Window * settings.Window : Math.Max(0, position - settings.Window + 1);
        return (first, position);
    }

    /// <summary>ALiBi's slopes: powers of 2^(−bias/n) for the first n heads, n the greatest power of two, and odd powers of half that step for the rest.</summary>
    public static float[] AlibiSlopes(int heads, float maximumBias)
    {
        var power = 1 << (31 - System.Numerics.BitOperations.LeadingZeroCount((uint)heads));
        var (even, odd) = (MathF.Pow(2, -maximumBias / power), MathF.Pow(2, -(maximumBias / 2) / power));
        return [.. Enumerable.Range(0, heads).Select(head => head < power ? MathF.Pow(even, head + 1) : MathF.Pow(odd, (2 * (head - power)) + 1))];
    }

    /// <summary>T5's bucket of a distance (key minus query): exact for small ones, logarithmic up to 128.</summary>
    public static int RelativeBucket(int distance, int buckets, bool bidirectional)
    {
        const int MaximumDistance = 128;
        var bucket = 0;
        if (bidirectional)
        {
            buckets /= 2;
            bucket = distance > 0 ? buckets : 0;
            distance = Math.Abs(distance);
        }
        else
        {
            distance = -Math.Min(distance, 0);
        }

        var exact = buckets / 2;
        if (distance < exact)
        {
            return bucket + distance;
        }

        var far = MathF.Floor(exact + (MathF.Log((float)distance / exact) * (buckets - exact) / MathF.Log((float)MaximumDistance / exact)));
        return bucket + Math.Min((int)far, buckets - 1);
    }

    private static void Rescale(Span<float> output, ref float greatest, ref float sum, float newGreatest)
    {
        if (newGreatest == greatest)
        {
            return;
        }

        var correction = MathF.Exp(greatest - newGreatest);
        greatest = newGreatest;
        sum *= correction;
        for (var i = 0; i < output.Length; i++)
        {
            output[i] *= correction;
        }
    }
}
