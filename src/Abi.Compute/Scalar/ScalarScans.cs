using Abi.Compute.Graphs;

namespace Abi.Compute.Scalar;

/// <summary>Operations with recurrent state: each sequence's rows in order, its state read and written.</summary>
internal static class ScalarScans
{
    public static void Convolve(Convolve o, ScalarStep step)
    {
        var (x, y, width, kernel) = (step[o.X], step[o.Result], o.X.Width, (int)o.Weight.Columns);
        var (weight, bias) = (o.Weight.ToFloats(), o.Bias?.ToFloats());
        Scan(o.Layer, step, (row, state) =>
        {
            for (var c = 0; c < width; c++)
            {
                var sum = 0f;
                for (var j = 0; j < kernel; j++)
                {
                    var input = j == kernel - 1 ? x[(row * width) + c] : state[(j * width) + c];
                    sum = MathF.FusedMultiplyAdd(weight[(c * kernel) + j], input, sum);
                }

                y[(row * width) + c] = sum + (bias is null ? 0 : bias[c]);
            }

            if (kernel > 1)
            {
                Array.Copy(state, width, state, 0, (kernel - 2) * width);
                Array.Copy(x, row * width, state, (kernel - 2) * width, width);
            }
        });
    }

    public static void ShiftRows(ShiftRows o, ScalarStep step)
    {
        var (x, y, width) = (step[o.X], step[o.Result], o.X.Width);
        Scan(o.Layer, step, (row, state) =>
        {
            Array.Copy(state, 0, y, row * width, width);
            Array.Copy(x, row * width, state, 0, width);
        });
    }

    public static void SelectiveScan(SelectiveScan o, ScalarStep step)
    {
        var (x, delta, b, c, y) = (step[o.X], step[o.Delta], step[o.B], step[o.C], step[o.Result]);
        var (inner, states) = (o.X.Width, o.B.Width);
        var (a, d) = (o.A.ToFloats(), o.D?.ToFloats());
        Scan(o.Layer, step, (row, h) =>
        {
            for (var channel = 0; channel < inner; channel++)
            {
                var at = (row * inner) + channel;
                var input = x[at] * delta[at];
                var sum = 0f;
                for (var n = 0; n < states; n++)
                {
                    var i = (channel * states) + n;
                    h[i] = (h[i] * MathF.Exp(delta[at] * a[i])) + (b[(row * states) + n] * input);
                    sum = MathF.FusedMultiplyAdd(h[i], c[(row * states) + n], sum);
                }

                y[at] = sum + (d is null ? 0 : d[channel] * x[at]);
            }
        });
    }

    public static void HeadScan(HeadScan o, ScalarStep step)
    {
        var (x, delta, b, c, y) = (step[o.X], step[o.Delta], step[o.B], step[o.C], step[o.Result]);
        var heads = o.Delta.Width;
        var (size, states) = (o.X.Width / heads, o.B.Width / o.Groups);
        var (a, d) = (o.A.ToFloats(), o.D?.ToFloats());
        Scan(o.Layer, step, (row, h) =>
        {
            for (var head = 0; head < heads; head++)
            {
                var group = (row * o.B.Width) + (head / (heads / o.Groups) * states);
                var dt = delta[(row * heads) + head];
                var decay = MathF.Exp(dt * a[head]);
                for (var i = 0; i < size; i++)
                {
                    var at = (row * o.X.Width) + (head * size) + i;
                    var input = x[at] * dt;
                    var sum = 0f;
                    for (var n = 0; n < states; n++)
                    {
                        var s = (((head * size) + i) * states) + n;
                        h[s] = (h[s] * decay) + (b[group + n] * input);
                        sum = MathF.FusedMultiplyAdd(h[s], c[group + n], sum);
                    }

                    y[at] = sum + (d is null ? 0 : d[head] * x[at]);
                }
            }
        });
    }

    public static void Wkv6(Wkv6 o, ScalarStep step)
    {
        var (r, k, v, w, y) = (step[o.R], step[o.K], step[o.V], step[o.Decay], step[o.Result]);
        var (width, size, u) = (o.R.Width, o.HeadSize, o.First.ToFloats());
        Scan(o.Layer, step, (row, s) =>
        {
            for (var head = 0; head < width; head += size)
            {
                for (var j = 0; j < size; j++)
                {
                    var sum = 0f;
                    for (var i = 0; i < size; i++)
                    {
                        var (key, at) = ((row * width) + head + i, ((head + i) * size) + j);
                        var kv = k[key] * v[(row * width) + head + j];
                        sum = MathF.FusedMultiplyAdd(r[key], MathF.FusedMultiplyAdd(u[head + i], kv, s[at]), sum);
                        s[at] = (s[at] * w[key]) + kv;
                    }

                    y[(row * width) + head + j] = sum;
                }
            }
        });
    }

    public static void Wkv7(Wkv7 o, ScalarStep step)
    {
        var (r, w, k, v, a, b, y) = (step[o.R], step[o.Decay], step[o.K], step[o.V], step[o.A], step[o.B], step[o.Result]);
        var (width, size) = (o.R.Width, o.HeadSize);
        Scan(o.Layer, step, (row, s) =>
        {
            for (var head = 0; head < width; head += size)
            {
                var start = (row * width) + head;
                for (var i = 0; i < size; i++)
                {
                    var line = s.AsSpan((head + i) * size, size);
                    var sa = 0f;
                    for (var j = 0; j < size; j++)
                    {
                        sa = MathF.FusedMultiplyAdd(a[start + j], line[j], sa);
                    }

                    var sum = 0f;
                    for (var j = 0; j < size; j++)
                    {
                        line[j] = (line[j] * w[start + j]) + (k[start + j] * v[start + i]) + (sa * b[start + j]);
                        sum = MathF.FusedMultiplyAdd(line[j], r[start + j], sum);
                    }

                    y[start + i] = sum;
                }
            }
        });
    }

    public static void DeltaScan(DeltaScan o, ScalarStep step)
    {
        var (q, k, v, g, beta, y) = (step[o.Q], step[o.K], step[o.V], step[o.LogDecay], step[o.Beta], step[o.Result]);
        var (keySize, valueSize) = (o.Q.Width / o.Heads, o.V.Width / o.Heads);
        var perColumn = o.LogDecay.Width != o.Heads;
        var change = new float[valueSize];
        Scan(o.Layer, step, (row, state) =>
        {
            for (var head = 0; head < o.Heads; head++)
            {
                var s = state.AsSpan(head * keySize * valueSize, keySize * valueSize);
                var keys = (row * o.Q.Width) + (head * keySize);
                var values = (row * o.V.Width) + (head * valueSize);
                for (var i = 0; i < keySize; i++)
                {
                    var decay = MathF.Exp(perColumn ? g[keys + i] : g[(row * o.Heads) + head]);
                    for (var j = 0; j < valueSize; j++)
                    {
                        s[(i * valueSize) + j] *= decay;
                    }
                }

                for (var j = 0; j < valueSize; j++)
                {
                    var known = 0f;
                    for (var i = 0; i < keySize; i++)
                    {
                        known = MathF.FusedMultiplyAdd(k[keys + i], s[(i * valueSize) + j], known);
                    }

                    change[j] = (v[values + j] - known) * beta[(row * o.Heads) + head];
                }

                for (var j = 0; j < valueSize; j++)
                {
                    var sum = 0f;
                    for (var i = 0; i < keySize; i++)
                    {
                        ref var cell = ref s[(i * valueSize) + j];
                        cell = MathF.FusedMultiplyAdd(k[keys + i], change[j], cell);
                        sum = MathF.FusedMultiplyAdd(q[keys + i] * o.QueryScale, cell, sum);
                    }

                    y[values + j] = sum;
                }
            }
        });
    }

    public static void GatedLinearScan(GatedLinearScan o, ScalarStep step)
    {
        var (q, k, v, decay, y) = (step[o.Q], step[o.K], step[o.V], step[o.Decay], step[o.Result]);
        var (width, size) = (o.Q.Width, o.HeadSize);
        Scan(o.Layer, step, (row, s) =>
        {
            for (var head = 0; head < width; head += size)
            {
                var start = (row * width) + head;
                for (var j = 0; j < size; j++)
                {
                    var sum = 0f;
                    for (var i = 0; i < size; i++)
                    {
                        ref var cell = ref s[((head + i) * size) + j];
                        cell = (cell * decay[start + i]) + (k[start + i] * v[start + j]);
                        sum = MathF.FusedMultiplyAdd(q[start + i] * o.QueryScale, cell, sum);
                    }

                    y[start + j] = sum;
                }
            }
        });
    }

    private static void Scan(RecurrentLayer layer, ScalarStep step, Action<int, float[]> visit)
    {
        foreach (var sequence in step.Inputs.Sequences)
        {
            var state = step.State.Recurrent(layer, sequence.Slot);
            for (var row = sequence.FirstRow; row < sequence.FirstRow + sequence.RowCount; row++)
            {
                visit(row, state);
            }
        }
    }
}
