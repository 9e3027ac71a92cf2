using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Distances;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <inheritdoc/>
internal sealed unsafe class VectorSpace<TDistance>(int dimensions, int rawBytes) : VectorSpace(dimensions, rawBytes, TDistance.RowBytes(dimensions))
    where TDistance : struct, IRowDistance
{
    public override void Encode(ReadOnlySpan<byte> raw, byte* row)
    {
        var target = new Span<byte>(row, RowBytes);
        raw.CopyTo(target);
        target[raw.Length..].Clear();
        TDistance.Seal(row, Dimensions);
    }

    public override float Distance(byte* a, byte* b) => TDistance.Between(a, b, RowBytes);

    public override void Scan<TAccept>(byte* query, NativeColumn rows, int from, int to, TopK best, TAccept accept)
    {
        var rowBytes = RowBytes;
        while (from < to)
        {
            var end = Math.Min(to, (from | NativeColumn.Mask) + 1);
            var row = rows.Row(from);
            for (var slot = from; slot < end; slot++, row += rowBytes)
            {
                var distance = TDistance.Between(query, row, rowBytes);
                if (distance < best.Threshold && accept.Accepts(slot))
                {
                    best.Add(distance, slot);
                }
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
                Prefetch(rows.Row(slots[i + 4]), rowBytes);
            }

            var distance = TDistance.Between(query, rows.Row(slots[i]), rowBytes);
            if (distance < best.Threshold && accept.Accepts(slots[i]))
            {
                best.Add(distance, slots[i]);
            }
        }
    }

    public override HnswGraph CreateGraph(NativeColumn rows, int connections, int constructionEffort) => new HnswGraph<TDistance>(rows, connections, constructionEffort);

    // May point behind a chunk: asking for a line is no access.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* row, int rowBytes)
    {
        if (Sse.IsSupported)
        {
            for (var at = 0; at < rowBytes; at += 64)
            {
                Sse.Prefetch0(row + at);
            }
        }
    }
}
