using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Distances;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <inheritdoc/>
internal sealed unsafe class VectorSpace<TDistance>(int dimensions, int rawBytes) : VectorSpace(dimensions, rawBytes, TDistance.RowBytes(dimensions))
    where TDistance : struct, IRowDistance<TDistance>
{
    private const int PagedBlockBytes = 1 << 15; // of rows without an address that are copied together
    private const int ForeseenBytes = 1 << 20; // of rows in a file that are asked for together, while those before them are compared

    public override int QueryBytes => TDistance.QueryBytes(RowBytes);

    public override bool IsEstimated => TDistance.IsEstimated;

    public override void Encode(ReadOnlySpan<byte> raw, byte* row) => TDistance.Encode(raw, row, Dimensions);

    public override void Decode(byte* row, Span<byte> raw) => TDistance.Decode(row, raw, Dimensions);

    public override void Prepare(byte* row, byte* query) => TDistance.Prepare(row, query, RowBytes);

    public override float Distance(byte* query, byte* row) => TDistance.Between(query, row, RowBytes);

    public override bool Offer(byte* query, byte* row, int slot, TopK best) => Offer(query, row, RowBytes, slot, best, default(Anyone), TDistance.Estimate(query, row, RowBytes));

    public override void Scan<TAccept>(byte* query, NativeColumn rows, int from, int to, TopK best, TAccept accept)
    {
        const int BytesAhead = 4096;
        var rowBytes = RowBytes;
        var estimateBytes = TDistance.EstimateBytes(rowBytes);
        var ahead = (nint)Math.Max(1, BytesAhead / rowBytes) * rowBytes;
        var distances = stackalloc float[4];
        var blockRows = Math.Max(4, PagedBlockBytes / rowBytes);
        var foreseenRows = Math.Max(4, ForeseenBytes / rowBytes & ~3);
        rows.Foresee(from, foreseenRows);
        var buffer = from < Math.Min(to, rows.PagedSlots) ? new QueryBuffer(blockRows * rowBytes) : null;
        while (from < to)
        {
            var end = Math.Min(to, (from | NativeColumn.Mask) + 1);
            byte* row;
            if (from < rows.PagedSlots)
            {
                end = Math.Min(end, from + blockRows);
                row = rows.Rows(from, end - from, buffer!.Address);
            }
            else
            {
                end = Math.Min(end, from + foreseenRows);
                rows.Foresee(end, foreseenRows);
                row = rows.Row(from);
            }

            var slot = from;
            for (; slot + 4 <= end; slot += 4, row += 4 * (nint)rowBytes)
            {
                if (TDistance.IsEstimated)
                {
                    // What is read has gaps, which the hardware does not foresee.
                    Prefetch(row + ahead, estimateBytes);
                    Prefetch(row + ahead + rowBytes, estimateBytes);
                    Prefetch(row + ahead + (2 * (nint)rowBytes), estimateBytes);
                    Prefetch(row + ahead + (3 * (nint)rowBytes), estimateBytes);
                }

                TDistance.EstimateFour(query, row, row + rowBytes, row + (2 * (nint)rowBytes), row + (3 * (nint)rowBytes), rowBytes, distances);
                for (var i = 0; i < 4; i++)
                {
                    Offer(query, row + (i * (nint)rowBytes), rowBytes, slot + i, best, accept, distances[i]);
                }
            }

            for (; slot < end; slot++, row += rowBytes)
            {
                Offer(query, row, rowBytes, slot, best, accept, TDistance.Estimate(query, row, rowBytes));
            }

            from = end;
        }

        GC.KeepAlive(buffer);
    }

    public override void Scan<TAccept>(byte* query, NativeColumn rows, ReadOnlySpan<int> slots, TopK best, TAccept accept)
    {
        var rowBytes = RowBytes;
        var buffer = rows.PagedSlots > 0 ? new QueryBuffer(rowBytes) : null;
        var address = buffer is null ? null : buffer.Address;
        for (var i = 0; i < slots.Length; i++)
        {
            if (i + 4 < slots.Length && slots[i + 4] >= rows.PagedSlots)
            {
                Prefetch(rows.Row(slots[i + 4]), TDistance.EstimateBytes(rowBytes));
            }

            var row = rows.Row(slots[i], address);
            Offer(query, row, rowBytes, slots[i], best, accept, TDistance.Estimate(query, row, rowBytes));
        }

        GC.KeepAlive(buffer);
    }

    public override HnswGraph CreateGraph(NativeColumn rows, int connections, int constructionEffort) => new HnswGraph<TDistance>(rows, connections, constructionEffort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Offer<TAccept>(byte* query, byte* row, int rowBytes, int slot, TopK best, TAccept accept, float distance)
        where TAccept : struct, ISlotFilter
    {
        if (TDistance.IsEstimated)
        {
            // "Not above", so that a sum that is infinite or no number is looked at, and counts when no nearer ones are as many as wanted.
            if (TDistance.LowerBound(distance, query, row, rowBytes) > best.Threshold || !accept.Accepts(slot))
            {
                return false;
            }

            best.Add(TDistance.Between(query, row, rowBytes), slot);
            return true;
        }

        if (!(distance > best.Threshold) && accept.Accepts(slot))
        {
            best.Add(distance, slot);
        }

        return true;
    }

    // May point behind a chunk: asking for a line is no access.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* row, int bytes)
    {
        if (Sse.IsSupported)
        {
            for (var at = 0; at < bytes; at += 64)
            {
                Sse.Prefetch0(row + at);
            }

            if ((bytes & 63) != 0)
            {
                Sse.Prefetch0(row + bytes - 1); // it may reach into one line more
            }
        }
    }

    private readonly struct Anyone : ISlotFilter
    {
        public bool Accepts(int slot) => true;
    }
}
