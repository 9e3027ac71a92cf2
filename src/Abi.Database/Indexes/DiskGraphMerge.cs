using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <summary>
/// The graph of a checkpoint, made of the one on disk, what came since, and what was deleted since (Singh et al., "FreshDiskANN: A Fast and Accurate Graph-Based ANN Index for Streaming Similarity
/// Search", 2021, section 5.3). Nodes are rows of the checkpoint. Memory: for each row a code, 1.25 · R links and 16 bytes, and 2 bytes for each thread; vectors are read from where they are.
/// </summary>
internal sealed unsafe class DiskGraphMerge
{
    private const int LargestSampleFloats = 1 << 24;
    private const int LargestSample = 16_384;
    private const int Gone = -1; // among the rows of slots: without a row, or a vector

    private readonly VectorIndex _index;
    private readonly int[] _order;
    private readonly DiskGraph? _old;
    private readonly int[] _withVector;

    private DiskGraphMerge(VectorIndex index, int[] order)
    {
        (_index, _order) = (index, order);
        _withVector = [.. Enumerable.Range(0, order.Length).Where(row => index.States[order[row]] != SlotState.None)];
        _old = index.Graph as DiskGraph;
    }

    /// <summary>Makes the graph.</summary>
    /// <param name="index">The field.</param>
    /// <param name="order">The slot of each row.</param>
    /// <param name="threads">How many threads to use.</param>
    /// <returns>What is in memory of it, and its links: int [R] a row.</returns>
    public static (DiskGraphContent Content, NativeColumn Links) Run(VectorIndex index, int[] order, int threads)
    {
        var merge = new DiskGraphMerge(index, order);
        var content = merge.Learn(threads);
        var form = new EuclideanForm(index.Space, index.Field.DistanceFunction, content.Longest);
        merge.Encode(content, form, threads);
        var builder = new VamanaBuilder(content.Quantizer, content.Codes, form.Dimensions, order.Length, content.Links, index.Field.ConstructionEffort);
        var fresh = merge.TakeOver(builder);
        Shuffle(fresh);
        if (builder.Entry < 0 && fresh.Length > 0)
        {
            // The first is where walks begin.
            var middle = Middle(content, form.Dimensions, fresh);
            (fresh[0], fresh[middle]) = (fresh[middle], fresh[0]);
        }

        builder.Insert(fresh, (row, vector) => merge.Read(form, order[row], vector), threads);
        GC.KeepAlive(index);
        return (content with { Entry = builder.Entry }, builder.Links);
    }

    // The codes stay while there are not twice as many vectors, and none is longer than those that they were learnt from.
    private DiskGraphContent Learn(int threads)
    {
        var longest = _index.Field.DistanceFunction == DistanceFunction.DotProductSimilarity ? Longest() : 0;
        if (_old is { Content: var known } && _withVector.Length <= 2L * known.TrainedFor && longest <= known.Longest)
        {
            return known with { Codes = NewCodes(known.Quantizer) };
        }

        var form = new EuclideanForm(_index.Space, _index.Field.DistanceFunction, longest);
        var sample = (int)Math.Min(Math.Min(_withVector.Length, LargestSample), Math.Max(256, LargestSampleFloats / form.Dimensions));
        var vectors = new float[sample * form.Dimensions];
        for (var i = 0; i < sample; i++)
        {
            var row = _withVector[(int)((long)i * _withVector.Length / sample)];
            Read(form, _order[row], vectors.AsSpan(i * form.Dimensions, form.Dimensions));
        }

        var quantizer = ProductQuantizer.Train(vectors, form.Dimensions, threads);
        return new DiskGraphContent(quantizer, NewCodes(quantizer), -1, 2 * _index.Field.Connections, _withVector.Length, longest);
    }

    private NativeColumn NewCodes(ProductQuantizer quantizer)
    {
        var codes = new NativeColumn(quantizer.CodeBytes);
        codes.Grow(Math.Max(_order.Length, 1));
        return codes;
    }

    private float Longest()
    {
        var form = new EuclideanForm(_index.Space, DistanceFunction.EuclideanSquaredDistance, 0);
        var vector = new float[form.Dimensions];
        var longest = 0f;
        foreach (var row in _withVector)
        {
            Read(form, _order[row], vector);
            longest = Math.Max(longest, TensorPrimitives.Norm<float>(vector));
        }

        return longest;
    }

    private void Encode(DiskGraphContent content, EuclideanForm form, int threads)
    {
        const int Block = 1024;
        var old = _old is { Content: var known } && known.Quantizer == content.Quantizer ? _old : null;
        var codeBytes = content.Codes.Stride;
        var degree = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(threads, 1) };
        Parallel.For(0, (_withVector.Length + Block - 1) / Block, degree, block =>
        {
            var vector = new float[form.Dimensions];
            var distances = new float[ProductQuantizer.PartPoints];
            foreach (var row in _withVector.AsSpan(block * Block, Math.Min(Block, _withVector.Length - (block * Block))))
            {
                var slot = _order[row];
                var code = new Span<byte>(content.Codes.Row(row), codeBytes);
                if (old is not null && slot < old.Slots)
                {
                    new ReadOnlySpan<byte>(old.Content.Codes.Row(slot), codeBytes).CopyTo(code);
                    continue;
                }

                Read(form, slot, vector);
                fixed (float* from = vector)
                {
                    content.Quantizer.Encode(from, code, distances);
                }
            }
        });
    }

    // Which of the first rows is nearest to their middle.
    private static int Middle(DiskGraphContent content, int dimensions, int[] rows)
    {
        var (mean, vector, table) = (new float[dimensions], new float[dimensions], new float[content.Quantizer.TableLength]);
        var some = Math.Min(rows.Length, LargestSample);
        for (var i = 0; i < some; i++)
        {
            content.Quantizer.Decode(content.Codes.Row(rows[i]), vector);
            TensorPrimitives.MultiplyAdd(vector, 1f / some, mean, mean);
        }

        var (best, nearest) = (0, float.PositiveInfinity);
        fixed (float* from = mean, distances = table)
        {
            content.Quantizer.Compare(from, table, isDot: false);
            for (var i = 0; i < some; i++)
            {
                var distance = ProductQuantizer.Sum(distances, content.Codes.Row(rows[i]), content.Quantizer.CodeBytes);
                (best, nearest) = distance < nearest ? (i, distance) : (best, nearest);
            }
        }

        return best;
    }

    // Links of the graph on disk become links of rows. Returns the rows that are still to be linked.
    private int[] TakeOver(VamanaBuilder builder)
    {
        if (_old is null)
        {
            return _withVector;
        }

        var rowOf = new int[_old.Slots];
        Array.Fill(rowOf, Gone);
        foreach (var row in _withVector)
        {
            if (_order[row] < rowOf.Length)
            {
                rowOf[_order[row]] = row;
            }
        }

        List<int> fresh = [];
        var (entry, linked) = (Gone, 0);
        List<int> links = [];
        foreach (var row in _withVector)
        {
            var slot = _order[row];
            links.Clear();
            if (slot >= rowOf.Length || !TryTranslate(slot, rowOf, links, out var isBroken))
            {
                fresh.Add(row);
                continue;
            }

            linked++;
            entry = entry < 0 || slot == _old.Content.Entry ? row : entry;
            if (isBroken)
            {
                builder.Choose(row, CollectionsMarshal.AsSpan(links));
            }
            else
            {
                links.CopyTo(new Span<int>(builder.Links.Row(row), links.Count));
            }
        }

        builder.Begin(entry, linked);
        return [.. fresh];
    }

    // A node that loses a neighbour gets that one's neighbours to choose from. False when nothing is left to lead on.
    private bool TryTranslate(int slot, int[] rowOf, List<int> links, out bool isBroken)
    {
        isBroken = false;
        foreach (var link in _old!.Links(slot))
        {
            if ((uint)link >= (uint)rowOf.Length)
            {
                break;
            }

            if (rowOf[link] != Gone)
            {
                links.Add(rowOf[link]);
                continue;
            }

            isBroken = true;
            foreach (var further in _old.Links(link))
            {
                if ((uint)further >= (uint)rowOf.Length)
                {
                    break;
                }

                if (rowOf[further] != Gone)
                {
                    links.Add(rowOf[further]);
                }
            }
        }

        return links.Count > 0 || _withVector.Length == 1;
    }

    private void Read(EuclideanForm form, int slot, Span<float> vector)
    {
        var buffer = QueryBuffer.Rent(_index.Space.RowBytes);
        form.Read(_index.Rows.Row(slot, buffer.Address), vector);
        buffer.Return();
    }

    // Rows that follow one another are often near one another, and those of a batch do not meet. The same rows give the same order.
    private static void Shuffle(int[] rows) => new Random(rows.Length).Shuffle(rows);
}
