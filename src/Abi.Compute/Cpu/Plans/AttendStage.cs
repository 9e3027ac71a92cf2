using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.State;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.Plans;

/// <summary>
/// Attention: a tile of rows and all query heads of a key/value head are a chunk, and go over the pages together, so that keys and values are read and widened once for all of
/// them. A row's positions are cut at multiples of 256 into spans: the scores of a span are made page by page, then weighed, then the values summed page by page. Spans have sums
/// of their own, which are merged in ascending order, always; when there are few rows, each span is a chunk of its own, and the last one to end merges them.
/// </summary>
internal sealed unsafe class AttendStage(StepFrame frame, int block, AttentionScores scores, KeyValueSource source, Slot queries, Slot result, PageShape shape) : Stage(frame, block), IDisposable
{
    private const int SpanPages = AttentionKernels.SpanPages;
    private const int SpanLength = AttentionKernels.SpanLength;
    private const int Together = AttentionKernels.Tile; // queries that the kernels take at once
    private const int LeastTileQueries = 32;
    private const int MostTileQueries = 256; // what they share is little, and their scores over a span are a quarter of a core's own cache
    private readonly int _group = scores.Settings.Heads / shape.Heads; // query heads of a key/value head
    private Tile[] _tiles = [];
    private int[] _spansLeft = []; // of each tile and key/value head, when spans are chunks
    private int _tileCount;
    private readonly int[] _begun = new int[frame.Workers]; // by worker: what its scratch was begun for, when spans are chunks
    private HalfAttention? _halves;
    private int _mostSpans; // of any tile; 1 when tiles are not split
    private NativeBuffer? _partial; // by tile, key/value head and span: [queries, stride + 2]
    private PageShape _shape = shape;
    private int _tileRows; // of this step

    private int TileHeads => _tileRows * _group;

    public override int Prepare()
    {
        _shape = source.Begin();
        _halves = HalfAttention.Emitted; // made here, not by a worker while others wait
        _tileRows = RowsOfTiles();
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
        Array.Fill(_begun, -1);
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
        var scratch = new AttentionScratch(Frame.Scratch(worker), _shape, TileHeads);
        if (_mostSpans == 1)
        {
            BeginTile(tile, head, scratch);
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
        if (_begun[worker] != index)
        {
            BeginTile(tile, head, scratch);
            _begun[worker] = index;
        }

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

    public override long WorkerScratchBytes(int rows) => AttentionScratch.Bytes(_shape, Math.Min(Math.Max(rows, 1), Math.Max(1, MostTileQueries / _group)) * _group);

    public override string Describe() =>
        $"attend {queries.Name} → {result.Name}: {scores.Settings.Heads} heads over {_shape.Heads}, keys {_shape.KeySize}, values {_shape.ValueSize}, tiles of up to {MostTileQueries} queries, {_group} heads of a row together, spans of {SpanLength} positions";

    public void Dispose()
    {
        _partial?.Dispose();
        _partial = null;
    }

    /// <summary>The floats of one partial result: the greatest scores and the sums of [queries], then [queries, stride].</summary>
    private int PartialFloats => TileHeads * (_shape.ValueStride + 2);

    private float* PartialOf(int index, int span) => (float*)_partial!.Address + ((((long)index * _mostSpans) + span) * PartialFloats);

    /// <summary>Large tiles, but some for each worker, and whole groups of queries in them; never more rows than the step has, for which scratch was reserved.</summary>
    private int RowsOfTiles()
    {
        var most = Frame.Rows(queries.Rows);
        var rows = most * _shape.Heads / (8 * Frame.Workers);
        rows = Math.Clamp(rows, Math.Max(1, LeastTileQueries / _group), Math.Max(1, MostTileQueries / _group));
        rows = Math.Min(rows, most);
        return rows > Together ? rows / Together * Together : rows;
    }

    private void FindTiles()
    {
        var inputs = Frame.Inputs;
        var rowCount = Frame.Rows(queries.Rows);
        if (_tiles.Length < rowCount)
        {
            _tiles = new Tile[Math.Max(rowCount, 16)];
        }

        _tileCount = 0;
        var end = 0; // of a sequence's rows
        for (var s = 0; s < inputs.SequenceCount; s++)
        {
            var sequence = inputs.Sequences[s];
            var length = source.Length(sequence);
            var start = end;
            while (end < rowCount && inputs.TokenRow(queries.Rows, end) < sequence.FirstRow + sequence.RowCount)
            {
                end++;
            }

            for (var row = start; row < end; row += _tileRows)
            {
                var rows = Math.Min(_tileRows, end - row);
                var (first, last) = (int.MaxValue, -1);
                var (commonFirst, commonLast) = (0, int.MaxValue);
                for (var i = 0; i < rows; i++)
                {
                    var visible = scores.Visible(source.Position(sequence, inputs.TokenRow(queries.Rows, row + i)), length);
                    (first, last) = (Math.Min(first, visible.First), Math.Max(last, visible.Last));
                    (commonFirst, commonLast) = (Math.Max(commonFirst, visible.First), Math.Min(commonLast, visible.Last));
                }

                _tiles[_tileCount++] = new Tile(s, row, rows, first, last, commonFirst, commonLast, first / SpanLength, Math.Max(first, last) / SpanLength);
            }
        }
    }

    /// <summary>Finds a tile's queries and what each of them sees.</summary>
    private void BeginTile(Tile tile, int head, AttentionScratch scratch)
    {
        var sequence = Frame.Inputs.Sequences[tile.Sequence];
        var length = source.Length(sequence);
        var count = tile.Rows * _group;
        for (var q = 0; q < count; q++)
        {
            var row = tile.FirstRow + (q / _group);
            scratch.Queries[q] = queries.Row(row) + (((head * _group) + (q % _group)) * _shape.KeySize);
            (scratch.First[q], scratch.Last[q]) = scores.Visible(source.Position(sequence, Frame.Inputs.TokenRow(queries.Rows, row)), length);
        }

        AttentionKernels.Pack(scratch.Queries, count, _shape.KeySize, scratch.Packed);
    }

    /// <summary>The result over one span: <c>scratch.Partial</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AttendSpan(Tile tile, int head, int span, AttentionScratch scratch)
    {
        var count = tile.Rows * _group;
        Parts(scratch.Partial, out var greatest, out var sums, out var outputs);
        new Span<float>(outputs, count * _shape.ValueStride).Clear();
        var firstPage = Math.Max(span * SpanPages, tile.First / StateStore.PageLength);
        var lastPage = tile.Last < 0 ? -1 : Math.Min(((span + 1) * SpanPages) - 1, tile.Last / StateStore.PageLength);
        for (var page = firstPage; page <= lastPage; page++)
        {
            Score(tile, head, page, page < lastPage ? PageOf(tile, head, page + 1) : ValuesOf(tile, head, firstPage), scratch);
        }

        Weigh(tile, head, span, scratch, greatest, sums);
        for (var page = firstPage; page <= lastPage; page++)
        {
            // behind the last values of a span come the keys of the next one, if there is one
            var next = Math.Min(page + 1, tile.Last / StateStore.PageLength);
            Accumulate(tile, head, page, page < lastPage ? ValuesOf(tile, head, next) : PageOf(tile, head, next), scratch, outputs);
        }
    }

    /// <summary>The products of a tile's queries with the keys of one page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Score(Tile tile, int head, int page, byte* ahead, AttentionScratch scratch)
    {
        var count = tile.Rows * _group;
        var start = page * StateStore.PageLength;
        var to = scratch.Scores + (page % SpanPages * StateStore.PageLength);
        if (PageShape.IsBlocks(_shape.KeyType) && count <= BlockAttentionKernels.MostQueries && _shape.KeySize <= BlockAttentionKernels.MostKeyColumns && _shape.KeySize % 2 == 0)
        {
            BlockAttentionKernels.Score(scratch.Queries, count, scratch.Packed, PageOf(tile, head, page), _shape.KeySize, _shape.KeyType, to, ahead);
            return;
        }

        if (_shape.KeyType == TensorType.F16 && count <= HalfAttention.MostQueries && _halves is { } halves)
        {
            halves.Score(scratch.Packed, count, (Half*)PageOf(tile, head, page), _shape.KeySize, to, ahead);
            return;
        }

        var keys = PageKernels.ExpandKeys(PageOf(tile, head, page), _shape, scratch.Page);
        if (tile.AllSee(start))
        {
            AttentionKernels.Score(scratch.Queries, count, scratch.Packed, keys, _shape.KeySize, to, ahead);
            return;
        }

        for (var q = 0; q < count; q += Together)
        {
            var together = Math.Min(Together, count - q);
            if (!IsSeen(scratch, q, together, start))
            {
                continue;
            }

            AttentionKernels.Score(scratch.Queries + q, together, scratch.Packed + (q * _shape.KeySize), keys, _shape.KeySize, to + (q * SpanLength), ahead);
            ahead = (byte*)keys;
        }
    }

    /// <summary>Makes weights of a span's scores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Weigh(Tile tile, int head, int span, AttentionScratch scratch, float* greatest, float* sums)
    {
        var sequence = Frame.Inputs.Sequences[tile.Sequence];
        var start = span * SpanLength;
        for (var q = 0; q < tile.Rows * _group; q++)
        {
            var from = Math.Max(scratch.First[q] - start, 0);
            var end = Math.Min(scratch.Last[q] + 1 - start, SpanLength);
            (greatest[q], sums[q]) = (float.NegativeInfinity, 0);
            if (from >= end)
            {
                continue;
            }

            var of = scratch.Scores + (q * SpanLength);
            if (scores.IsPlain)
            {
                OnlineSoftmax.Weigh(of, from, end, scores.Settings.Scale, out greatest[q], out sums[q]);
                continue;
            }

            var position = source.Position(sequence, Frame.Inputs.TokenRow(queries.Rows, tile.FirstRow + (q / _group)));
            for (var first = from / StateStore.PageLength * StateStore.PageLength; first < end; first += StateStore.PageLength)
            {
                scores.Adjust(of + first, (head * _group) + (q % _group), position, start + first);
            }

            OnlineSoftmax.Weigh(of, from, end, 1, out greatest[q], out sums[q]);
        }
    }

    /// <summary>
    /// Adds the weighed values of one page. Queries that are computed together see it in common except for the page at which a row's view begins or ends: what only some of them
    /// see is added to each alone. Values that a row does not see are left out, not weighed with zero: what lies there may be anything.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Accumulate(Tile tile, int head, int page, byte* ahead, AttentionScratch scratch, float* outputs)
    {
        var count = tile.Rows * _group;
        var stride = _shape.ValueStride;
        var start = page * StateStore.PageLength;
        var isInBlocks = PageShape.IsBlocks(_shape.ValueType) && count <= BlockAttentionKernels.MostQueries;
        var halves = _shape.ValueType == TensorType.F16 && count <= HalfAttention.MostQueries ? _halves : null;
        var kept = ValuesOf(tile, head, page);
        var values = isInBlocks || halves is not null ? (float*)kept : PageKernels.ExpandValues(kept, _shape, scratch.Page);
        var weights = scratch.Scores + (page % SpanPages * StateStore.PageLength);
        if (tile.AllSee(start))
        {
            Add(0, count, 0, StateStore.PageLength, ahead);
            return;
        }

        for (var q = 0; q < count; q += Together)
        {
            var together = Math.Min(Together, count - q);
            if (!IsSeen(scratch, q, together, start))
            {
                continue;
            }

            var (from, end) = (0, StateStore.PageLength);
            for (var i = q; i < q + together; i++)
            {
                (from, end) = (Math.Max(from, scratch.First[i] - start), Math.Min(end, scratch.Last[i] + 1 - start));
            }

            from = Math.Min(from, StateStore.PageLength); // some may begin behind the page
            end = Math.Max(from, end);
            for (var i = q; i < q + together && scratch.First[i] - start < from; i++)
            {
                AddAlone(i, Math.Max(scratch.First[i] - start, 0), Math.Min(from, scratch.Last[i] + 1 - start));
            }

            if (from < end)
            {
                Add(q, together, from, end, ahead);
                ahead = (byte*)values;
            }

            for (var i = q + together - 1; i >= q && scratch.Last[i] + 1 - start > end; i--)
            {
                AddAlone(i, Math.Max(end, scratch.First[i] - start), Math.Min(scratch.Last[i] + 1 - start, StateStore.PageLength));
            }
        }

        void AddAlone(int query, int from, int end)
        {
            if (from < end)
            {
                Add(query, 1, from, end, (byte*)values);
            }
        }

        void Add(int query, int queries, int from, int end, byte* ahead)
        {
            var of = weights + (query * SpanLength);
            var to = outputs + (query * stride);
            if (isInBlocks)
            {
                BlockAttentionKernels.Accumulate(of, queries, from, end, kept, stride, _shape.ValueType, to, ahead);
            }
            else if (halves is not null)
            {
                halves.Accumulate(of, queries, from, end, (Half*)kept, stride, to, ahead);
            }
            else
            {
                AttentionKernels.Accumulate(of, queries, from, end, values, stride, to, ahead);
            }
        }
    }

    /// <summary>Whether any of some queries sees anything of a page.</summary>
    private static bool IsSeen(AttentionScratch scratch, int query, int count, int start)
    {
        for (var q = query; q < query + count; q++)
        {
            if (scratch.First[q] < start + StateStore.PageLength && scratch.Last[q] >= start)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Where a head has its part of a page, its keys first.</summary>
    private byte* PageOf(Tile tile, int head, int page) => source.Page(tile.Sequence, page) + (head * _shape.HeadBytes);

    private byte* ValuesOf(Tile tile, int head, int page) => PageOf(tile, head, page) + _shape.ValuesOffset;

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
    /// <param name="Sequence">The sequence.</param>
    /// <param name="FirstRow">The first of the rows.</param>
    /// <param name="Rows">How many.</param>
    /// <param name="First">The first position that any of them sees.</param>
    /// <param name="Last">The last one.</param>
    /// <param name="CommonFirst">The first position that all of them see.</param>
    /// <param name="CommonLast">The last one; before the first where they see nothing in common.</param>
    /// <param name="FirstSpan">The span of the first position.</param>
    /// <param name="LastSpan">The span of the last one.</param>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Tile(int Sequence, int FirstRow, int Rows, int First, int Last, int CommonFirst, int CommonLast, int FirstSpan, int LastSpan)
    {
        /// <summary>Whether all rows see all of the page that begins at a position.</summary>
        public bool AllSee(int start) => start >= CommonFirst && start + StateStore.PageLength - 1 <= CommonLast;
    }
}
