using System.Buffers;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <summary>
/// An inverted file with product quantization (Jégou, Douze and Schmid, "Product quantization for nearest neighbor search", 2011): vectors are sorted into cells, and each is kept as one byte for
/// every four elements. A query looks into the nearest cells, adds up distances out of a table, and the best are compared exactly by the caller. So only a sixteenth of the vectors needs memory.
/// Cells and codes are learnt from the first vectors; <see cref="IsOutgrown"/> says when they should be learnt anew.
/// </summary>
internal sealed unsafe class InvertedFile : NearIndex
{
    private const int PartDimensions = 4;
    private const int PartPoints = 256;
    private const int SamplesPerCell = 32;
    private const int PartSamples = 16_384;
    private const int SampleFloats = 1 << 27;
    private const int Rounds = 8;
    private const int LargestCells = 16_384;

    private readonly Lock[] _locks = [.. Enumerable.Range(0, 64).Select(_ => new Lock())];
    private readonly NativeColumn _rows;
    private readonly VectorSpace _space;
    private readonly DistanceFunction _function;
    private readonly Centroids _cells;
    private readonly Centroids[] _parts;
    private readonly InvertedList[] _lists;
    private int _count;

    private InvertedFile(VectorSpace space, DistanceFunction function, NativeColumn rows, Centroids cells, Centroids[] parts, int trainedFor)
    {
        (_space, _function, _rows, _cells, _parts, TrainedFor) = (space, function, rows, cells, parts, trainedFor);
        _lists = [.. Enumerable.Range(0, cells.Count).Select(_ => new InvertedList(parts.Length))];
    }

    public override IndexKind Kind => IndexKind.IvfPq;

    public override int Count => Volatile.Read(ref _count);

    /// <summary>How many vectors there were when cells and codes were learnt.</summary>
    public int TrainedFor { get; }

    /// <summary>Whether there are so many more vectors by now that the cells are too few.</summary>
    public bool IsOutgrown => Count > 4L * TrainedFor;

    /// <summary>The cells' middles: float [cells, dimensions].</summary>
    public float[] CellPoints => _cells.ToArray();

    /// <summary>The points of all parts: float [256 · dimensions].</summary>
    public float[] PartsPoints => [.. _parts.SelectMany(part => part.ToArray())];

    public int CodeBytes => _parts.Length;

    /// <summary>Learns cells and codes.</summary>
    /// <param name="space">The space of the rows; of float32 elements.</param>
    /// <param name="function">Its distance.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="slots">What to learn from: slots whose rows are in place.</param>
    /// <param name="threads">How many threads to use.</param>
    public static InvertedFile Train(VectorSpace space, DistanceFunction function, NativeColumn rows, ReadOnlySpan<int> slots, int threads)
    {
        var dimensions = space.Dimensions;
        var cells = (int)Math.Clamp(4 * Math.Sqrt(slots.Length), 1, LargestCells);
        var sample = Math.Min(slots.Length, Math.Min(Math.Max(cells * SamplesPerCell, PartSamples), SampleFloats / dimensions));
        var vectors = new float[(long)sample * dimensions];
        var scratch = new float[dimensions];
        for (var i = 0; i < sample; i++)
        {
            Read(space, function, rows.Row(slots[(int)((long)i * slots.Length / sample)]), scratch);
            scratch.CopyTo(vectors, (long)i * dimensions);
        }

        var parts = new Centroids[(dimensions + PartDimensions - 1) / PartDimensions];
        var some = Math.Min(sample, PartSamples);
        Parallel.For(0, parts.Length, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(threads, 1) }, part =>
        {
            var width = PartWidth(dimensions, part);
            var values = new float[some * width];
            for (var i = 0; i < some; i++)
            {
                vectors.AsSpan((int)(((long)i * sample / some * dimensions) + (part * PartDimensions)), width).CopyTo(values.AsSpan(i * width));
            }

            parts[part] = Centroids.Train(values, width, PartPoints, Rounds, 1);
        });
        return new InvertedFile(space, function, rows, Centroids.Train(vectors, dimensions, cells, Rounds, threads), parts, slots.Length);
    }

    /// <summary>Takes over what was saved.</summary>
    /// <returns>Null when it does not fit.</returns>
    public static InvertedFile? Restore(VectorSpace space, DistanceFunction function, NativeColumn rows, float[] cellPoints, float[] partsPoints, int[] cellOf, ReadOnlySpan<byte> codes, int trainedFor)
    {
        var dimensions = space.Dimensions;
        var count = (dimensions + PartDimensions - 1) / PartDimensions;
        var points = partsPoints.Length / dimensions;
        if (cellPoints.Length == 0 || cellPoints.Length % dimensions != 0 || points is < 1 or > PartPoints || partsPoints.Length % dimensions != 0 || codes.Length != (long)cellOf.Length * count
            || trainedFor < 1 || cellPoints.AsSpan().ContainsAnyExceptInRange(float.MinValue, float.MaxValue) || partsPoints.AsSpan().ContainsAnyExceptInRange(float.MinValue, float.MaxValue))
        {
            return null;
        }

        var parts = new Centroids[count];
        var at = 0;
        for (var part = 0; part < count; part++)
        {
            var width = PartWidth(dimensions, part);
            parts[part] = new Centroids(partsPoints.AsSpan(at, points * width), width);
            at += points * width;
        }

        var file = new InvertedFile(space, function, rows, new Centroids(cellPoints, dimensions), parts, trainedFor);
        for (var slot = 0; slot < cellOf.Length; slot++)
        {
            var code = codes.Slice(slot * count, count);
            if (cellOf[slot] >= file._lists.Length || (points < PartPoints && code.ContainsAnyExceptInRange((byte)0, (byte)(points - 1))))
            {
                return null;
            }

            if (cellOf[slot] >= 0)
            {
                file._lists[cellOf[slot]].Add(slot, code);
                file._count++;
            }
        }

        return file;
    }

    public override int Search(byte* query, int effort, Span<ulong> found, int hidden = -1)
    {
        // The query's floats come first; for cosine its length does not matter.
        var vector = (float*)query;
        var isDot = _function != DistanceFunction.EuclideanSquaredDistance;
        var best = new CandidateHeap(found[..effort]);
        var cells = ArrayPool<float>.Shared.Rent(_cells.Padded);
        var order = ArrayPool<ulong>.Shared.Rent(_cells.Count);
        var table = ArrayPool<float>.Shared.Rent(_parts.Length * PartPoints);
        var probes = Probes(effort);
        _cells.Compare(vector, cells, isDot);
        for (var i = 0; i < _cells.Count; i++)
        {
            order[i] = ScoredSlot.Pack(cells[i], i);
        }

        order.AsSpan(0, _cells.Count).Sort();
        for (var part = 0; part < _parts.Length; part++)
        {
            _parts[part].Compare(vector + (part * PartDimensions), table.AsSpan(part * PartPoints, PartPoints), isDot);
        }

        fixed (float* distances = table)
        {
            // A cell more when the nearest ones hold less than is wanted.
            for (var i = 0; i < _cells.Count && (i < probes || best.Count < effort); i++)
            {
                var content = _lists[ScoredSlot.Slot(order[i])].Content;
                var count = content.Count;
                fixed (byte* codes = content.Codes)
                {
                    for (var entry = 0; entry < count; entry++)
                    {
                        var distance = Sum(distances, codes + ((nint)entry * _parts.Length), _parts.Length);
                        if (distance < best.Threshold && content.Slots[entry] != hidden)
                        {
                            best.Add(ScoredSlot.Pack(distance, content.Slots[entry]));
                        }
                    }
                }
            }
        }

        ArrayPool<float>.Shared.Return(cells);
        ArrayPool<ulong>.Shared.Return(order);
        ArrayPool<float>.Shared.Return(table);
        found[..best.Count].Sort();
        return best.Count;
    }

    public override void Insert(IReadOnlyList<int> slots, int threads)
    {
        Parallel.For(0, (slots.Count + 63) / 64, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(threads, 1) }, block =>
        {
            var vector = new float[_space.Dimensions];
            var distances = new float[Math.Max(_cells.Padded, PartPoints)];
            var code = new byte[_parts.Length];
            for (var i = block * 64; i < Math.Min(slots.Count, (block + 1) * 64); i++)
            {
                Read(_space, _function, _rows.Row(slots[i]), vector);
                int cell;
                fixed (float* from = vector)
                {
                    cell = _cells.Nearest(from, distances);
                    for (var part = 0; part < code.Length; part++)
                    {
                        code[part] = (byte)_parts[part].Nearest(from + (part * PartDimensions), distances);
                    }
                }

                lock (_locks[cell & (_locks.Length - 1)])
                {
                    _lists[cell].Add(slots[i], code);
                }

                Interlocked.Increment(ref _count);
            }
        });
    }

    public override void Remove(bool[] isRemoved, Func<int, bool> isLinked, int slots, int threads)
    {
        for (var cell = 0; cell < _lists.Length; cell++)
        {
            lock (_locks[cell & (_locks.Length - 1)])
            {
                Interlocked.Add(ref _count, -_lists[cell].Remove(isRemoved));
            }
        }
    }

    /// <summary>All slots with their cells and codes, cell by cell.</summary>
    public IEnumerable<(int Slot, int Cell, ReadOnlyMemory<byte> Code)> Entries()
    {
        for (var cell = 0; cell < _lists.Length; cell++)
        {
            var content = _lists[cell].Content;
            var count = content.Count;
            for (var i = 0; i < count; i++)
            {
                yield return (content.Slots[i], cell, content.Codes.AsMemory(i * _parts.Length, _parts.Length));
            }
        }
    }

    // The usual effort, 128, looks into an eighth of the cells.
    private int Probes(int effort) => (int)Math.Clamp((long)effort * _cells.Count / 1024, Math.Min(8, _cells.Count), _cells.Count);

    private static int PartWidth(int dimensions, int part) => Math.Min(PartDimensions, dimensions - (part * PartDimensions));

    private static float Sum(float* table, byte* code, int parts)
    {
        var (sum0, sum1, sum2, sum3) = (0f, 0f, 0f, 0f);
        var i = 0;
        for (; i + 4 <= parts; i += 4, table += 4 * PartPoints)
        {
            sum0 += table[code[i]];
            sum1 += table[PartPoints + code[i + 1]];
            sum2 += table[(2 * PartPoints) + code[i + 2]];
            sum3 += table[(3 * PartPoints) + code[i + 3]];
        }

        for (; i < parts; i++, table += PartPoints)
        {
            sum0 += table[code[i]];
        }

        return (sum0 + sum1) + (sum2 + sum3);
    }

    // The vector; for cosine of length 1.
    private static void Read(VectorSpace space, DistanceFunction function, byte* row, float[] vector)
    {
        space.Decode(row, System.Runtime.InteropServices.MemoryMarshal.AsBytes(vector.AsSpan()));
        if (function == DistanceFunction.CosineSimilarity)
        {
            var squares = 0.0;
            foreach (var x in vector)
            {
                squares += (double)x * x;
            }

            var inverse = (float)(1 / Math.Sqrt(squares));
            for (var i = 0; i < vector.Length; i++)
            {
                vector[i] *= inverse;
            }
        }
    }
}
