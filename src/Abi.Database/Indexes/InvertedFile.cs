using System.Buffers;
using Abi.Database.Engine;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <summary>
/// An inverted file with product quantization (Jégou, Douze and Schmid, "Product quantization for nearest neighbor search", 2011): vectors are sorted into cells, and each is kept as one byte for
/// every four elements. A query looks into the nearest cells, adds up distances out of a table, and the best are compared exactly by the caller. So only a sixteenth of the vectors needs memory.
/// Cells and codes are learnt from the first vectors; <see cref="IsOutgrown"/> says when they should be learnt anew.
/// </summary>
internal sealed unsafe class InvertedFile : NearIndex
{
    /// <summary>The most cells: a query compares itself with all of them.</summary>
    public const int LargestCells = 16_384;

    private const int SamplesPerCell = 32;
    private const int LeastSamples = 16_384;
    private const int SampleFloats = 1 << 27;
    private const int Rounds = 8;

    private readonly Lock[] _locks = [.. Enumerable.Range(0, 64).Select(_ => new Lock())];
    private readonly NativeColumn _rows;
    private readonly VectorSpace _space;
    private readonly DistanceFunction _function;
    private readonly Centroids _cells;
    private readonly ProductQuantizer _quantizer;
    private readonly InvertedList[] _lists;
    private int _count;

    private InvertedFile(VectorSpace space, DistanceFunction function, NativeColumn rows, Centroids cells, ProductQuantizer quantizer, int trainedFor)
    {
        (_space, _function, _rows, _cells, _quantizer, TrainedFor) = (space, function, rows, cells, quantizer, trainedFor);
        _lists = [.. Enumerable.Range(0, cells.Count).Select(_ => new InvertedList(quantizer.CodeBytes))];
    }

    public override IndexKind Kind => IndexKind.IvfPq;

    public override int Count => Volatile.Read(ref _count);

    public override long ResidentBytes => ((long)_cells.Padded * _space.Dimensions * sizeof(float)) + _lists.Sum(list => (long)list.Content.Slots.Length * (sizeof(int) + CodeBytes));

    /// <summary>How many vectors there were when cells and codes were learnt.</summary>
    public int TrainedFor { get; }

    /// <summary>Whether there are so many more vectors by now that the cells are too few.</summary>
    public bool IsOutgrown => Count > 4L * TrainedFor;

    /// <summary>The cells' middles: float [cells, dimensions].</summary>
    public float[] CellPoints => _cells.ToArray();

    /// <summary>The codes' points.</summary>
    public ReadOnlySpan<float> PartsPoints => _quantizer.Points;

    public int CodeBytes => _quantizer.CodeBytes;

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
        var sample = Math.Min(slots.Length, Math.Min(Math.Max(cells * SamplesPerCell, LeastSamples), SampleFloats / dimensions));
        var vectors = new float[(long)sample * dimensions];
        var scratch = new float[dimensions];
        var buffer = QueryBuffer.Rent(space.RowBytes);
        for (var i = 0; i < sample; i++)
        {
            Read(space, function, rows.Row(slots[(int)((long)i * slots.Length / sample)], buffer.Address), scratch);
            scratch.CopyTo(vectors, (long)i * dimensions);
        }

        buffer.Return();

        var quantizer = ProductQuantizer.Train(vectors, dimensions, threads);
        return new InvertedFile(space, function, rows, Centroids.Train(vectors, dimensions, cells, Rounds, threads), quantizer, slots.Length);
    }

    /// <summary>Takes over what was saved.</summary>
    /// <returns>Null when it does not fit.</returns>
    public static InvertedFile? Restore(VectorSpace space, DistanceFunction function, NativeColumn rows, float[] cellPoints, float[] partsPoints, int[] cellOf, NativeColumn codes, int trainedFor)
    {
        var dimensions = space.Dimensions;
        if (cellPoints.Length == 0 || cellPoints.Length % dimensions != 0 || cellPoints.AsSpan().ContainsAnyExceptInRange(float.MinValue, float.MaxValue)
            || ProductQuantizer.Restore(partsPoints, dimensions) is not { } quantizer)
        {
            return null;
        }

        var file = new InvertedFile(space, function, rows, new Centroids(cellPoints, dimensions), quantizer, trainedFor);
        for (var slot = 0; slot < cellOf.Length; slot++)
        {
            var code = new ReadOnlySpan<byte>(codes.Row(slot), codes.Stride);
            if (cellOf[slot] >= file._lists.Length || !quantizer.IsCode(code))
            {
                return null;
            }

            if (cellOf[slot] >= 0)
            {
                file._lists[cellOf[slot]].Add(slot, code);
                file._count++;
            }
        }

        GC.KeepAlive(codes);
        return file;
    }

    public override int Search(byte* query, int effort, Span<ulong> found, int hidden = -1)
    {
        // The query's floats come first. For cosine all are of length 1, where distances have the order of products; but codes are not, and of near ones a product would find those that are longest.
        var rented = ArrayPool<float>.Shared.Rent(_space.Dimensions);
        var elements = rented.AsSpan(0, _space.Dimensions);
        new ReadOnlySpan<float>(query, elements.Length).CopyTo(elements);
        if (_function == DistanceFunction.CosineSimilarity)
        {
            EuclideanForm.Normalize(elements);
        }

        var best = new CandidateHeap(found[..effort]);
        var cells = ArrayPool<float>.Shared.Rent(_cells.Padded);
        var order = ArrayPool<ulong>.Shared.Rent(_cells.Count);
        var table = ArrayPool<float>.Shared.Rent(_quantizer.TableLength);
        var codeBytes = _quantizer.CodeBytes;
        var probes = Probes(effort);
        fixed (float* vector = elements)
        {
            _cells.Compare(vector, cells, isDot: _function != DistanceFunction.EuclideanSquaredDistance);
            _quantizer.Compare(vector, table, isDot: _function == DistanceFunction.DotProductSimilarity);
        }

        for (var i = 0; i < _cells.Count; i++)
        {
            order[i] = ScoredSlot.Pack(cells[i], i);
        }

        order.AsSpan(0, _cells.Count).Sort();
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
                        var distance = ProductQuantizer.Sum(distances, codes + ((nint)entry * codeBytes), codeBytes);
                        if (distance < best.Threshold && content.Slots[entry] != hidden)
                        {
                            best.Add(ScoredSlot.Pack(distance, content.Slots[entry]));
                        }
                    }
                }
            }
        }

        ArrayPool<float>.Shared.Return(rented);
        ArrayPool<float>.Shared.Return(cells);
        ArrayPool<ulong>.Shared.Return(order);
        ArrayPool<float>.Shared.Return(table);
        found[..best.Count].Sort();
        return best.Count;
    }

    public override void Insert(IReadOnlyList<int> slots, int threads, WriteAdmission admission)
    {
        Parallel.For(0, (slots.Count + 63) / 64, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(threads, 1) }, block =>
        {
            var vector = new float[_space.Dimensions];
            var distances = new float[Math.Max(_cells.Padded, ProductQuantizer.PartPoints)];
            var code = new byte[_quantizer.CodeBytes];
            var buffer = QueryBuffer.Rent(_space.RowBytes);
            for (var i = block * 64; i < Math.Min(slots.Count, (block + 1) * 64); i++)
            {
                using var turn = admission.Enter();
                Read(_space, _function, _rows.Row(slots[i], buffer.Address), vector);
                int cell;
                fixed (float* from = vector)
                {
                    cell = _cells.Nearest(from, distances);
                    _quantizer.Encode(from, code, distances);
                }

                lock (_locks[cell & (_locks.Length - 1)])
                {
                    _lists[cell].Add(slots[i], code);
                }

                Interlocked.Increment(ref _count);
            }

            buffer.Return();
        });
    }

    public override void Remove(bool[] isRemoved, Func<int, bool> isLinked, int slots, int threads, WriteAdmission admission)
    {
        for (var cell = 0; cell < _lists.Length; cell++)
        {
            using var turn = admission.Enter();
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
                yield return (content.Slots[i], cell, content.Codes.AsMemory(i * CodeBytes, CodeBytes));
            }
        }
    }

    // The usual effort, 128, looks into an eighth of the cells.
    private int Probes(int effort) => (int)Math.Clamp((long)effort * _cells.Count / 1024, Math.Min(8, _cells.Count), _cells.Count);

    // The vector; for cosine of length 1.
    private static void Read(VectorSpace space, DistanceFunction function, byte* row, float[] vector)
    {
        space.Decode(row, System.Runtime.InteropServices.MemoryMarshal.AsBytes(vector.AsSpan()));
        if (function == DistanceFunction.CosineSimilarity)
        {
            EuclideanForm.Normalize(vector);
        }
    }
}
