using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Distances;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <inheritdoc/>
internal sealed unsafe class VectorSpace<TDistance>(int dimensions, int rawBytes) : VectorSpace(dimensions, rawBytes, TDistance.RowBytes(dimensions))
    where TDistance : struct, IRowDistance
{
    public override int QueryBytes => TDistance.QueryBytes(RowBytes);

    public override bool IsEstimated => TDistance.IsEstimated;

    public override void Encode(ReadOnlySpan<byte> raw, byte* row) => TDistance.Encode(raw, row, Dimensions);

    public override void Decode(byte* row, Span<byte> raw) => TDistance.Decode(row, raw, Dimensions);

    public override void Prepare(byte* row, byte* query) => TDistance.Prepare(row, query, RowBytes);

    public override float Distance(byte* query, byte* row) => TDistance.Between(query, row, RowBytes);

    public override bool Offer(byte* query, byte* row, int slot, TopK best) => Offer(query, row, RowBytes, slot, best, default(Anyone));

    public override void Scan<TAccept>(byte* query, NativeColumn rows, int from, int to, TopK best, TAccept accept)
    {
        const int BytesAhead = 4096;
        var rowBytes = RowBytes;
        var estimateBytes = TDistance.EstimateBytes(rowBytes);
        var ahead = (nint)Math.Max(1, BytesAhead / rowBytes) * rowBytes;
        while (from < to)
        {
            var end = Math.Min(to, (from | NativeColumn.Mask) + 1);
            var row = rows.Row(from);
            for (var slot = from; slot < end; slot++, row += rowBytes)
            {
                if (TDistance.IsEstimated)
                {
                    Prefetch(row + ahead, estimateBytes); // what is read has gaps, which the hardware does not foresee
                }

                Offer(query, row, rowBytes, slot, best, accept);
            }

            from = end;
        }
    }

    public override void Scan<TAccept>(byte* query, NativeColumn rows, ReadOnlySpan<int> slots, TopK best, TAccept accept)
    {
        var rowBytes = RowBytes;
        for (var i = 0; i < slots.Length; i++)
        {
            if (i + 4 < slots.Length)
            {
                Prefetch(rows.Row(slots[i + 4]), TDistance.EstimateBytes(rowBytes));
            }

            Offer(query, rows.Row(slots[i]), rowBytes, slots[i], best, accept);
        }
    }

    public override HnswGraph CreateGraph(NativeColumn rows, int connections, int constructionEffort) => new HnswGraph<TDistance>(rows, connections, constructionEffort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Offer<TAccept>(byte* query, byte* row, int rowBytes, int slot, TopK best, TAccept accept)
        where TAccept : struct, ISlotFilter
    {
        var distance = TDistance.Estimate(query, row, rowBytes);
        if (TDistance.IsEstimated)
        {
            // "Not below", so that a sum that is no number is looked at and found out below.
            if (TDistance.LowerBound(distance, query, row, rowBytes) >= best.Threshold || !accept.Accepts(slot))
            {
                return false;
            }

            best.Add(TDistance.Between(query, row, rowBytes), slot);
            return true;
        }

        if (distance < best.Threshold && accept.Accepts(slot))
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
        }
    }

    private readonly struct Anyone : ISlotFilter
    {
        public bool Accepts(int slot) => true;
    }
}
