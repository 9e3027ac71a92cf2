using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Compute.Scalar;

/// <summary>Operations that pick, move or copy rows and columns.</summary>
internal static class ScalarRows
{
    public static void Embed(Embed o, ScalarStep step)
    {
        for (var row = 0; row < step.Inputs.RowCount; row++)
        {
            Lookup(o.Table, step.Inputs.Ids[row], step[o.Result], row);
        }
    }

    public static void EmbedPositions(EmbedPositions o, ScalarStep step)
    {
        for (var row = 0; row < step.Inputs.RowCount; row++)
        {
            Lookup(o.Table, step.Inputs.Positions[row] + o.Offset, step[o.Result], row);
        }
    }

    public static void EmbedConstant(EmbedConstant o, ScalarStep step)
    {
        for (var row = 0; row < step.Inputs.RowCount; row++)
        {
            Lookup(o.Table, o.Row, step[o.Result], row);
        }
    }

    public static void SelectOutputs(SelectOutputs o, ScalarStep step)
    {
        var width = o.Result.Width;
        for (var i = 0; i < step.Inputs.OutputCount; i++)
        {
            Array.Copy(step[o.X], step.Inputs.OutputRows[i] * width, step[o.Result], i * width, width);
        }
    }

    public static void Pool(Pool o, ScalarStep step)
    {
        var (x, y, width) = (step[o.X], step[o.Result], o.Result.Width);
        for (var s = 0; s < step.Inputs.SequenceCount; s++)
        {
            var sequence = step.Inputs.Sequences[s];
            var target = y.AsSpan(s * width, width);
            if (o.Kind != PoolingKind.Mean)
            {
                var row = o.Kind == PoolingKind.Cls ? sequence.FirstRow : sequence.FirstRow + sequence.RowCount - 1;
                x.AsSpan(row * width, width).CopyTo(target);
                continue;
            }

            target.Clear();
            for (var row = sequence.FirstRow; row < sequence.FirstRow + sequence.RowCount; row++)
            {
                for (var i = 0; i < width; i++)
                {
                    target[i] += x[(row * width) + i];
                }
            }

            for (var i = 0; i < width; i++)
            {
                target[i] /= sequence.RowCount;
            }
        }
    }

    public static void Slice(Slice o, ScalarStep step)
    {
        var (from, to) = (o.X.Width / o.Groups, o.Result.Width / o.Groups);
        for (var group = 0; group < step.Rows(o.X) * o.Groups; group++)
        {
            Array.Copy(step[o.X], (group * from) + o.Offset, step[o.Result], group * to, to);
        }
    }

    public static void Concatenate(Concatenate o, ScalarStep step)
    {
        var y = step[o.Result];
        var position = 0;
        for (var row = 0; row < step.Rows(o.Result); row++)
        {
            for (var group = 0; group < o.Groups; group++)
            {
                for (var p = 0; p < o.Parts.Length; p++)
                {
                    var part = o.Parts[p];
                    var length = o.Shared[p] ? part.Width : part.Width / o.Groups;
                    Array.Copy(step[part], (row * part.Width) + (o.Shared[p] ? 0 : group * length), y, position, length);
                    position += length;
                }
            }
        }
    }

    public static void Repeat(Repeat o, ScalarStep step)
    {
        var length = o.X.Width / o.Groups;
        var position = 0;
        for (var row = 0; row < step.Rows(o.X); row++)
        {
            for (var i = 0; i < o.Groups * o.Times; i++)
            {
                var group = o.Interleaved ? i / o.Times : i % o.Groups;
                Array.Copy(step[o.X], (row * o.X.Width) + (group * length), step[o.Result], position, length);
                position += length;
            }
        }
    }

    private static void Lookup(WeightTensor table, int entry, float[] target, int row)
    {
        if (entry < 0 || entry >= table.Rows)
        {
            throw new ArgumentOutOfRangeException(nameof(entry), entry, $"The table '{table.Name}' has {table.Rows} entries.");
        }

        table.DecodeRow(entry, target.AsSpan(row * (int)table.Columns, (int)table.Columns));
    }
}
