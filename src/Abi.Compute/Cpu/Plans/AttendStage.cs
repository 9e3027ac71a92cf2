using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.State;
using Abi.Compute.Devices;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.Plans;

/// <summary>
/// Attention: a tile of rows and all query heads of a key/value head are a chunk, and go over the pages together, so that keys and values are read and widened once for all of
/// them. A row's positions are cut at multiples of 256 into spans with sums of their own, which are merged in ascending order, always; when there are few rows, each span is a chunk of
/// its own, and the last one to end merges them.
/// </summary>
internal sealed unsafe class AttendStage(StepFrame frame, int block, AttentionScores scores, KeyValueSource source, Slot queries, Slot result, PageShape shape) : Stage(frame, block), IDisposable
{
    private const int SpanPages = 8;
    private const int TileQueries = 32;
    private readonly int _group = scores.Settings.Heads / shape.Heads; // query heads of a key/value head
    private Tile[] _tiles = [];
    private int[] _spansLeft = []; // of each tile and key/value head, when spans are chunks
    private int _tileCount;
    private int _mostSpans; // of any tile; 1 when tiles are not split
    private NativeBuffer? _partial; // by tile, key/value head and span: [queries, stride + 2]
    private PageShape _shape = shape;

    private int TileRows => Math.Max(1, TileQueries / _group);

    private int TileHeads => TileRows * _group;

    public override int Prepare()
    {
        _shape = source.Begin();
        FindTiles();
        var chunks = _tileCount * _shape.Heads;
        _mostSpans = 1;
        if (chunks >= 4 * Frame.Workers || Frame.Workers == 1)
        {
            return chunks;
        }

        var most = 0;
        for (var i = 0; i < _tileCount; i++)
        {
            most = Math.Max(most, _tiles[i].LastSpan - _tiles[i].FirstSpan + 1);
        }

        if (most <= 1 || (long)chunks * most > Threading.WorkerTeam.MaximumChunks)
        {
            return chunks;
        }

        _mostSpans = most;
        if (_spansLeft.Length < chunks)
        {
            _spansLeft = new int[chunks];
        }

        for (var i = 0; i < chunks; i++)
        {
            _spansLeft[i] = _tiles[i / _shape.Heads].LastSpan - _tiles[i / _shape.Heads].FirstSpan + 1;
        }

        var bytes = (long)chunks * most * PartialFloats * sizeof(float);
        if (_partial is null || _partial.Length < bytes)
        {
            _partial?.Dispose();
            _partial = null;
            _partial = new NativeBuffer(bytes * 2);
        }

        return chunks * most;
    }

    public override void Execute(int chunk, int worker)
    {
        // the last tiles see most and are taken first
        var span = chunk % _mostSpans;
        var index = (_tileCount * _shape.Heads) - 1 - (chunk / _mostSpans);
        var (tile, head) = (_tiles[index / _shape.Heads], index % _shape.Heads);
        var scratch = new Scratch(Frame.Scratch(worker), _shape, TileHeads);
        if (_mostSpans == 1)
        {
            for (var s = tile.FirstSpan; s <= tile.LastSpan; s++)
            {
                AttendSpan(tile, head, s, scratch);
                MergeSpan(tile, s == tile.FirstSpan, scratch.Partial, scratch.Total);
            }

            Finish(tile, head, scratch.Total);
            return;
        }

        if (tile.FirstSpan + span > tile.LastSpan)
        {
            return;
        }

        scratch.Partial = PartialOf(index, span);
        AttendSpan(tile, head, tile.FirstSpan + span, scratch);
        if (Interlocked.Decrement(ref _spansLeft[index]) == 0)
        {
            for (var s = 1; s <= tile.LastSpan - tile.FirstSpan; s++)
            {
                MergeSpan(tile, false, PartialOf(index, s), PartialOf(index, 0));
            }

            Finish(tile, head, PartialOf(index, 0));
        }
    }

    public override long WorkerScratchBytes(int rows) => Scratch.Bytes(_shape, TileHeads);

    public override string Describe() =>
        $"attend {queries.Name} → {result.Name}: {scores.Settings.Heads} heads over {_shape.Heads}, keys {_shape.KeySize}, values {_shape.ValueSize}, tiles of {TileRows} rows × {_group} heads, spans of {SpanPages * StateStore.PageLength} positions";

    public void Dispose()
    {
        _partial?.Dispose();
        _partial = null;
    }

    /// <summary>The floats of one partial result: the greatest scores and the sums of [queries], then [queries, stride].</summary>
    private int PartialFloats => TileHeads * (_shape.ValueStride + 2);

    private float* PartialOf(int index, int span) => (float*)_partial!.Address + ((((long)index * _mostSpans) + span) * PartialFloats);

    private void FindTiles()
    {
        var inputs = Frame.Inputs;
        if (_tiles.Length < inputs.RowCount)
        {
            _tiles = new Tile[Math.Max(inputs.RowCount, 16)];
        }

        _tileCount = 0;
        for (var s = 0; s < inputs.SequenceCount; s++)
        {
            var sequence = inputs.Sequences[s];
            var length = source.Length(sequence);
            for (var row = 0; row < sequence.RowCount; row += TileRows)
            {
                var rows = Math.Min(TileRows, sequence.RowCount - row);
                var (first, last) = (int.MaxValue, -1);
                for (var i = 0; i < rows; i++)
                {
                    var visible = scores.Visible(source.Position(sequence, sequence.FirstRow + row + i), length);
                    (first, last) = (Math.Min(first, visible.First), Math.Max(last, visible.Last));
                }

                const int Span = SpanPages * StateStore.PageLength;
                _tiles[_tileCount++] = new Tile(s, sequence.FirstRow + row, rows, first, last, first / Span, Math.Max(first, last) / Span);
            }
        }
    }

    /// <summary>The result over one span: <c>scratch.Partial</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AttendSpan(Tile tile, int head, int span, Scratch scratch)
    {
        var sequence = Frame.Inputs.Sequences[tile.Sequence];
        var length = source.Length(sequence);
        var count = tile.Rows * _group;
        var stride = _shape.ValueStride;
        Parts(scratch.Partial, out var greatest, out var sums, out var outputs);
        new Span<float>(greatest, count).Fill(float.NegativeInfinity);
        new Span<float>(sums, count).Clear();
        new Span<float>(outputs, count * stride).Clear();
        var (latestFirst, earliestLast) = (0, int.MaxValue); // what every query sees
        for (var q = 0; q < count; q++)
        {
            var row = tile.FirstRow + (q / _group);
            scratch.Queries[q] = queries.Row(row) + (((head * _group) + (q % _group)) * _shape.KeySize);
            (scratch.First[q], scratch.Last[q]) = scores.Visible(source.Position(sequence, row), length);
            (latestFirst, earliestLast) = (Math.Max(latestFirst, scratch.First[q]), Math.Min(earliestLast, scratch.Last[q]));
        }

        AttentionKernels.Pack(scratch.Queries, count, _shape.KeySize, scratch.Packed);
        var firstPage = Math.Max(span * SpanPages, tile.First / StateStore.PageLength);
        var lastPage = tile.Last < 0 ? -1 : Math.Min(((span + 1) * SpanPages) - 1, tile.Last / StateStore.PageLength);
        for (var page = firstPage; page <= lastPage; page++)
        {
            var start = page * StateStore.PageLength;
            Load(source.Page(tile.Sequence, page) + (head * _shape.HeadBytes), scratch, out var keys, out var values);
            var ahead = page < lastPage ? source.Page(tile.Sequence, page + 1) + (head * _shape.HeadBytes) : (byte*)keys;
            var valuesAhead = page < lastPage ? ahead + _shape.ValuesOffset : (byte*)values;
            AttentionKernels.Score(scratch.Queries, count, scratch.Packed, keys, _shape.KeySize, scratch.Scores, ahead);
            var isWhole = latestFirst <= start && earliestLast >= start + StateStore.PageLength - 1;
            if (isWhole && scores.IsPlain)
            {
                OnlineSoftmax.UpdateScaled(scratch.Scores, count, scores.Settings.Scale, 0, StateStore.PageLength, greatest, sums, outputs, stride);
                AttentionKernels.Accumulate(scratch.Scores, count, 0, StateStore.PageLength, values, stride, outputs, valuesAhead);
                continue;
            }

            // the query heads of a row see the same positions; those that a row does not see are left out, not weighed with zero: what lies there may be anything
            for (var q = 0; q < count; q += _group)
            {
                var from = Math.Max(scratch.First[q] - start, 0);
                var end = Math.Min(scratch.Last[q] + 1 - start, StateStore.PageLength);
                if (from >= end)
                {
                    continue;
                }

                var scoresOf = scratch.Scores + (q * StateStore.PageLength);
                if (scores.IsPlain)
                {
                    OnlineSoftmax.UpdateScaled(scoresOf, _group, scores.Settings.Scale, from, end, greatest + q, sums + q, outputs + (q * stride), stride);
                }
                else
                {
                    var position = source.Position(sequence, tile.FirstRow + (q / _group));
                    for (var i = 0; i < _group; i++)
                    {
                        scores.Adjust(scoresOf + (i * StateStore.PageLength), (head * _group) + i, position, start);
                        OnlineSoftmax.Update(scoresOf + (i * StateStore.PageLength), from, end, ref greatest[q + i], ref sums[q + i], outputs + ((q + i) * stride), stride);
                    }
                }

                AttentionKernels.Accumulate(scoresOf, _group, from, end, values, stride, outputs + (q * stride), (byte*)values);
            }
        }
    }

    private void Load(byte* page, Scratch scratch, out float* keys, out float* values)
    {
        keys = PageKernels.ExpandKeys(page, _shape, scratch.Keys);
        values = PageKernels.ExpandValues(page + _shape.ValuesOffset, _shape, scratch.Values);
    }

    private void Parts(float* partial, out float* greatest, out float* sums, out float* outputs)
    {
        greatest = partial;
        sums = partial + TileHeads;
        outputs = partial + (2 * TileHeads);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MergeSpan(Tile tile, bool isFirst, float* partial, float* total)
    {
        var count = tile.Rows * _group;
        var stride = _shape.ValueStride;
        if (isFirst)
        {
            new ReadOnlySpan<float>(partial, PartialFloats).CopyTo(new Span<float>(total, PartialFloats));
            return;
        }

        Parts(total, out var greatest, out var sums, out var outputs);
        Parts(partial, out var laterGreatest, out var laterSums, out var laterOutputs);
        for (var q = 0; q < count; q++)
        {
            if (laterSums[q] == 0)
            {
                continue; // the query sees nothing of this span
            }

            if (sums[q] == 0)
            {
                (greatest[q], sums[q]) = (laterGreatest[q], laterSums[q]);
                new ReadOnlySpan<float>(laterOutputs + (q * stride), stride).CopyTo(new Span<float>(outputs + (q * stride), stride));
                continue;
            }

            OnlineSoftmax.Merge(ref greatest[q], ref sums[q], outputs + (q * stride), laterGreatest[q], laterSums[q], laterOutputs + (q * stride), stride);
        }
    }

    private void Finish(Tile tile, int head, float* total)
    {
        Parts(total, out var greatest, out var sums, out var outputs);
        for (var q = 0; q < tile.Rows * _group; q++)
        {
            var queryHead = (head * _group) + (q % _group);
            var output = outputs + (q * _shape.ValueStride);
            if (scores.TryGetSink(queryHead, out var sink))
            {
                OnlineSoftmax.AddScore(sink, ref greatest[q], ref sums[q], output, _shape.ValueStride);
            }

            OnlineSoftmax.Finish(sums[q], output, result.Row(tile.FirstRow + (q / _group)) + (queryHead * _shape.ValueSize), _shape.ValueSize);
        }
    }

    /// <summary>Rows of one sequence that go over the pages together.</summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Tile(int Sequence, int FirstRow, int Rows, int First, int Last, int FirstSpan, int LastSpan);

    /// <summary>A worker's scratch, cut up.</summary>
    private ref struct Scratch
    {
        public Scratch(byte* memory, PageShape shape, int queries)
        {
            Queries = (float**)memory;
            First = (int*)(Queries + queries);
            Last = First + queries;
            Packed = (float*)Align(Last + queries);
            Scores = (float*)Align(Packed + (queries * shape.KeySize));
            Keys = Scores + (queries * StateStore.PageLength);
            Values = Keys + (shape.KeySize * StateStore.PageLength);
            Partial = Values + (shape.ValueStride * StateStore.PageLength);
            Total = (float*)Align(Partial + (queries * (shape.ValueStride + 2)));
        }

        /// <summary>[queries] pointers to [key size].</summary>
        public float** Queries { get; }

        /// <summary>[queries]: the first position that each sees.</summary>
        public int* First { get; }

        /// <summary>[queries]: the last one.</summary>
        public int* Last { get; }

        /// <summary>[queries / 8, key size, 8].</summary>
        public float* Packed { get; }

        /// <summary>[queries, 32].</summary>
        public float* Scores { get; }

        /// <summary>[key size, 32].</summary>
        public float* Keys { get; }

        /// <summary>[32, stride].</summary>
        public float* Values { get; }

        /// <summary>[queries × (stride + 2)].</summary>
        public float* Partial { get; set; }

        /// <summary>[queries × (stride + 2)].</summary>
        public float* Total { get; }

        public static long Bytes(PageShape shape, int queries)
        {
            var stride = (shape.ValueSize + 31L) & ~31; // the format of the cache is not known yet: the widest
            return (queries * (sizeof(float*) + (2 * sizeof(int)))) + 256
                + (sizeof(float) * ((queries * (StateStore.PageLength + (long)shape.KeySize)) + ((shape.KeySize + stride) * StateStore.PageLength) + (2L * queries * (stride + 2))));
        }

        private static byte* Align(void* pointer) => (byte*)(((nuint)pointer + 63) & ~(nuint)63);
    }
}
