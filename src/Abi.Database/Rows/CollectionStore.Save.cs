#pragma warning disable MA0048 // a part of CollectionStore
using Abi.Database.Engine;
using Abi.Database.Indexes;
using Abi.Database.Storage;

namespace Abi.Database.Rows;

/// <content>Writing files.</content>
internal sealed partial class CollectionStore
{
    /// <summary>Writes the records of a snapshot. Between BeginRead and EndRead; commits may go on meanwhile.</summary>
    /// <returns>The header's checksum and the slots written, in their new order.</returns>
    public unsafe (uint Checksum, int[] Order) SaveRows(IStorage storage, string name, CollectionView view)
    {
        var visible = new VisibleSlots(Created, Deleted, null, view.Sequence, 0, null, null);
        var order = Order(visible, view.Slots);
        using var writer = new SegmentWriter(storage, name, RowsFile.Kind);
        writer.BeginSection(RowsFile.Payloads);
        var offsets = new long[order.Length];
        long at = 0;
        for (var i = 0; i < order.Length; i++)
        {
            offsets[i] = at;
            var block = _heap.Block(_payloads[order[i]]);
            writer.Write(block);
            at += block.Length;
        }

        writer.BeginSection(RowsFile.Offsets);
        writer.Write<long>(offsets);
        if (HasExpiry)
        {
            writer.BeginSection(RowsFile.Expires);
            writer.Write<long>([.. order.Select(slot => Expires[slot])]);
        }

        for (var i = 0; i < Vectors.Length; i++)
        {
            var index = Vectors[i];
            writer.BeginSection(RowsFile.Vectors + i);
            var none = new byte[index.Rows.Stride];
            var buffer = QueryBuffer.Rent(index.Rows.Stride);
            foreach (var slot in order)
            {
                Foresee(index.Rows, slot);
                writer.Write(index.States[slot] == SlotState.None ? none : new ReadOnlySpan<byte>(index.Rows.Row(slot, buffer.Address), index.Rows.Stride));
            }

            buffer.Return();
            writer.BeginSection(RowsFile.HasVector + i);
            writer.Write<byte>([.. order.Select(slot => index.States[slot] == SlotState.None ? (byte)0 : (byte)1)]);
        }

        var checksum = writer.Finish();
        GC.KeepAlive(this);
        return (checksum, order);
    }

    /// <summary>Writes the graph of a vector field, renumbered to a rows file's order.</summary>
    /// <returns>Null when there is no graph.</returns>
    public unsafe uint? SaveGraph(IStorage storage, string name, int vector, int[] order, WriteAdmission admission)
    {
        var index = Vectors[vector];
        if (index.UsesDiskGraph(order.Count(slot => index.States[slot] != SlotState.None)))
        {
            return SaveDiskGraph(storage, name, index, order);
        }

        if (index.Graph is null or DiskGraph)
        {
            return null;
        }

        using var writer = new SegmentWriter(storage, name, GraphFile.Kind);
        index.WithStillGraph(() =>
        {
            // Ways over deleted records are not saved, and what only they lead to would not be found: they are bridged first. Here, where no slot is linked that is not counted.
            var oldest = OldestRead;
            index.Unlink(slot => Deleted[slot] <= oldest, Volatile.Read(ref _slots), IndexThreads, admission);
            if (index.Graph is InvertedFile file)
            {
                WriteInverted(writer, file, order);
            }
            else
            {
                WriteGraph(writer, index, (HnswGraph)index.Graph, order);
            }
        });
        GC.KeepAlive(this);
        return writer.Finish(); // a disk may take long to flush it, and what comes meanwhile is to get into the graph
    }

    private static unsafe void WriteGraph(SegmentWriter writer, VectorIndex index, HnswGraph graph, int[] order)
    {
        var row = RowOf(order);
        var most = 2 * graph.Connections;
        var levels = new byte[order.Length];
        var entry = -1L;
        for (var i = 0; i < order.Length; i++)
        {
            levels[i] = index.States[order[i]] == SlotState.Linked ? (byte)graph.LevelOf(order[i]) : byte.MaxValue;
            if (levels[i] != byte.MaxValue && (entry < 0 || levels[i] > (int)(entry >> 32)))
            {
                entry = ((long)levels[i] << 32) | (uint)i;
            }
        }

        writer.BeginSection(GraphFile.Parameters);
        writer.Write<long>([order.Length, graph.Connections, entry, index.Codes?.Stride ?? 0]);
        writer.BeginSection(GraphFile.Levels);
        writer.Write<byte>(levels);
        writer.BeginSection(GraphFile.Links);
        var links = new int[most];
        for (var i = 0; i < order.Length; i++)
        {
            Array.Fill(links, -1);
            if (levels[i] != byte.MaxValue)
            {
                Translate(new ReadOnlySpan<int>(graph.Links.Row(order[i]), most), links, row, levels);
            }

            writer.Write<int>(links);
        }

        writer.BeginSection(GraphFile.UpperLinks);
        for (var i = 0; i < order.Length; i++)
        {
            if (levels[i] is 0 or byte.MaxValue)
            {
                continue;
            }

            var upper = graph.UpperLinks[order[i]]!;
            for (var level = 0; level < levels[i]; level++)
            {
                var translated = links.AsSpan(0, graph.Connections);
                translated.Fill(-1);
                Translate(upper.AsSpan(level * graph.Connections, graph.Connections), translated, row, levels);
                writer.Write<int>(translated);
            }
        }

        if (index.Codes is { } codes)
        {
            writer.BeginSection(GraphFile.Codes);
            var none = new byte[codes.Stride];
            foreach (var slot in order)
            {
                writer.Write(index.States[slot] == SlotState.None ? none : new ReadOnlySpan<byte>(codes.Row(slot), codes.Stride));
            }
        }
    }

    private static void WriteInverted(SegmentWriter writer, InvertedFile file, int[] order)
    {
        var row = RowOf(order);
        var cellOf = new int[order.Length];
        Array.Fill(cellOf, -1);
        var codes = new ReadOnlyMemory<byte>[order.Length]; // where they stand: all together they may be more than an array takes
        foreach (var (slot, cell, code) in file.Entries())
        {
            if (slot < row.Length && row[slot] is >= 0 and var target)
            {
                cellOf[target] = cell;
                codes[target] = code;
            }
        }

        writer.BeginSection(GraphFile.InvertedParameters);
        writer.Write<long>([order.Length, file.TrainedFor]);
        writer.BeginSection(GraphFile.Cells);
        writer.Write<float>(file.CellPoints);
        writer.BeginSection(GraphFile.Parts);
        writer.Write(file.PartsPoints);
        writer.BeginSection(GraphFile.CellOf);
        writer.Write<int>(cellOf);
        writer.BeginSection(GraphFile.PartCodes);
        var none = new byte[file.CodeBytes];
        foreach (var code in codes)
        {
            writer.Write(code.IsEmpty ? none : code.Span);
        }
    }

    // By slot: its row, or -1. Younger slots are behind the end.
    private static int[] RowOf(int[] order)
    {
        var row = new int[order.Length == 0 ? 0 : order.Max() + 1];
        Array.Fill(row, -1);
        for (var i = 0; i < order.Length; i++)
        {
            row[order[i]] = i;
        }

        return row;
    }

    // Neither the rows of the snapshot nor the graph on disk change meanwhile, so nobody waits.
    private unsafe uint SaveDiskGraph(IStorage storage, string name, VectorIndex index, int[] order)
    {
        var (content, links) = DiskGraphMerge.Run(index, order, IndexThreads);
        var layout = new DiskNodeLayout(index.Space.RowBytes, content.Links);
        using var writer = new SegmentWriter(storage, name, GraphFile.Kind);
        writer.BeginSection(GraphFile.DiskParameters);
        writer.Write<long>([order.Length, content.Links, content.Entry, content.TrainedFor, BitConverter.SingleToUInt32Bits(content.Longest), index.Space.RowBytes]);
        writer.BeginSection(GraphFile.Parts);
        writer.Write(content.Quantizer.Points);
        writer.BeginSection(GraphFile.PartCodes);
        for (var row = 0; row < order.Length; row++)
        {
            writer.Write(new ReadOnlySpan<byte>(content.Codes.Row(row), content.Codes.Stride));
        }

        writer.BeginSection(GraphFile.DiskNodes);
        var padding = new byte[DiskNodeLayout.PageBytes];
        var buffer = QueryBuffer.Rent(layout.RowBytes);
        long at = 0;
        for (var row = 0; row < order.Length; row++)
        {
            Foresee(index.Rows, order[row]);
            writer.Write(padding.AsSpan(0, (int)(layout.Offset(row) - at)));
            if (index.States[order[row]] == SlotState.None)
            {
                writer.Write(new byte[layout.RowBytes]);
            }
            else
            {
                writer.Write(new ReadOnlySpan<byte>(index.Rows.Row(order[row], buffer.Address), layout.RowBytes));
            }

            writer.Write(new ReadOnlySpan<int>(links.Row(row), content.Links));
            at = layout.Offset(row) + layout.RowBytes + (content.Links * sizeof(int));
        }

        buffer.Return();
        writer.Write(padding.AsSpan(0, (int)(layout.BytesFor(order.Length) - at)));
        var checksum = writer.Finish();
        GC.KeepAlive(this);
        return checksum;
    }

    // Rows are mostly written in the order in which they stand.
    private static void Foresee(NativeColumn rows, int slot)
    {
        const int Ahead = 1024;
        if (slot % Ahead == 0)
        {
            rows.Foresee(slot, 2 * Ahead);
        }
    }

    private static void Translate(ReadOnlySpan<int> links, Span<int> translated, int[] row, byte[] levels)
    {
        var count = 0;
        foreach (var link in links)
        {
            if ((uint)link < (uint)row.Length && row[link] is >= 0 and var target && levels[target] != byte.MaxValue)
            {
                translated[count++] = target;
            }
        }
    }

    // Rows that the graph leads to from one another stand near one another: a walk then finds more of what it needs in pages and caches that it touched before.
    private unsafe int[] Order(VisibleSlots visible, int slots)
    {
        var order = new int[View.Live];
        var count = 0;
        var taken = new bool[slots];
        void Take(int slot)
        {
            taken[slot] = true;
            if (count == order.Length)
            {
                Array.Resize(ref order, Math.Max(16, count * 2));
            }

            order[count++] = slot;
        }

        var first = Array.Find(Vectors, index => index.Graph is not null)?.Graph;
        if (first is InvertedFile file)
        {
            foreach (var (slot, _, _) in file.Entries())
            {
                if (slot < slots && !taken[slot] && visible.IsVisible(slot))
                {
                    Take(slot);
                }
            }
        }

        if (first is HnswGraph { EntryPoint: >= 0 } graph)
        {
            var entry = (int)graph.EntryPoint;
            if (entry < slots && visible.IsVisible(entry))
            {
                Take(entry);
                for (var next = 0; next < count; next++)
                {
                    foreach (var link in new ReadOnlySpan<int>(graph.Links.Row(order[next]), 2 * graph.Connections))
                    {
                        if (link < 0)
                        {
                            break;
                        }

                        if (link < slots && !taken[link] && visible.IsVisible(link))
                        {
                            Take(link);
                        }
                    }
                }
            }
        }

        for (var slot = 0; slot < slots; slot++)
        {
            if (!taken[slot] && visible.IsVisible(slot))
            {
                Take(slot);
            }
        }

        return order.AsSpan(0, count).ToArray();
    }
}
