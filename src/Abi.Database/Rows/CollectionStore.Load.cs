#pragma warning disable MA0048 // a part of CollectionStore
using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Indexes;
using Abi.Database.Schema;
using Abi.Database.Storage;

namespace Abi.Database.Rows;

/// <content>Reading files.</content>
internal sealed partial class CollectionStore
{
    /// <summary>Reads a collection from its files. Rows are checked page by page; a graph that is damaged or missing is built anew in the background.</summary>
    /// <param name="schema">The collection.</param>
    /// <param name="storage">Where the files are.</param>
    /// <param name="rowsFile">The rows file and its header's checksum.</param>
    /// <param name="graphFiles">For each vector field its graph file, or null.</param>
    /// <param name="sequence">The commit that the files hold.</param>
    /// <param name="indexThreads">How many threads may build graphs.</param>
    /// <param name="residentBytes">How many bytes the vectors of a field may take in memory.</param>
    /// <param name="warn">Is told what is rebuilt, and why.</param>
    /// <param name="saved">The store that the files were written from, whose words are taken over; null to read them from the texts.</param>
    /// <exception cref="DatabaseCorruptException">The rows file is damaged.</exception>
    public static CollectionStore Load(CollectionSchema schema, IStorage storage, (string Name, uint Checksum) rowsFile, IReadOnlyList<(string Name, uint Checksum)?> graphFiles, long sequence, int indexThreads, long residentBytes, Action<string> warn, SavedCollection? saved = null)
    {
        var store = new CollectionStore(schema, indexThreads, residentBytes);
        using var reader = new SegmentReader(storage, rowsFile.Name, RowsFile.Kind, rowsFile.Checksum);
        reader.Verify();
        store.LoadRows(reader, storage, rowsFile.Name, readsTexts: saved is null);
        if (saved is not null)
        {
            store.TakeTexts(saved.Store, saved.Order);
        }

        for (var i = 0; i < store.Vectors.Length; i++)
        {
            store.LoadGraph(storage, i, i < graphFiles.Count ? graphFiles[i] : null, warn);
        }

        store._sequence = sequence;
        store.Publish();
        return store;
    }

    private void TakeTexts(CollectionStore source, int[] order)
    {
        for (var i = 0; i < _texts.Length; i++)
        {
            _texts[i]?.Take(source._texts[i]!, order);
        }
    }

    private unsafe void LoadRows(SegmentReader reader, IStorage storage, string name, bool readsTexts)
    {
        var offsets = reader.ReadAll<long>(RowsFile.Offsets);
        var rows = offsets.Length;
        var payloads = reader.Section(RowsFile.Payloads);
        _slots = _live = rows;
        if (rows == 0)
        {
            return;
        }

        Grow(rows, isLoading: true);
        var expires = HasExpiry ? reader.ReadAll<long>(RowsFile.Expires) : [];
        if (HasExpiry && expires.Length != rows)
        {
            throw reader.Corrupt($"{expires.Length} of {rows} rows say when they are outlived.");
        }

        var blocks = OpenRows(reader, storage, name, out var view, out var file);
        Keys.Reserve(rows);
        Created.Clear(rows);
        long next = 0; // blocks that share bytes would be given back, and used again, more than once
        for (var slot = 0; slot < rows; slot++)
        {
            if (offsets[slot] != next || next > payloads.Length - PayloadHeap.BlockBytes(0))
            {
                throw reader.Corrupt($"Row {slot} begins at {offsets[slot]} of {payloads.Length} bytes; {next} was expected.");
            }

            _payloads[slot] = blocks == null ? (nint)~(payloads.Offset + offsets[slot]) : (nint)(blocks + offsets[slot]);
            var length = _heap.BytesIn(_payloads[slot]);
            var bytes = PayloadHeap.BlockBytes(length);
            if (length < sizeof(int) || bytes < length || bytes > payloads.Length - next)
            {
                throw reader.Corrupt($"Row {slot} has an impossible length.", payloads.Offset + offsets[slot]);
            }

            next += bytes;
            if (HasExpiry)
            {
                Expires[slot] = expires[slot];
            }

            var payload = Payload(slot);
            try
            {
                Keys.Add(RecordCodec.CheckedKey(Schema.Definition.Key, payload), slot);
                SetFields(slot, 0, payload, readsTexts);
            }
            catch (FormatException error)
            {
                throw reader.Corrupt($"Row {slot} is not a record of this collection: {error.Message}", payloads.Offset + offsets[slot]);
            }
        }

        for (var i = 0; i < Vectors.Length; i++)
        {
            var index = Vectors[i];
            var section = reader.Section(RowsFile.Vectors + i);
            var has = reader.ReadAll<byte>(RowsFile.HasVector + i);
            var plain = reader.Section(RowsFile.PlainVectors + i);
            var isPlain = section.Length == 0 && plain.Length >= (long)rows * index.RawBytes && plain.Length % rows == 0;
            if ((!isPlain && section.Length != (long)rows * index.Rows.Stride) || has.Length != rows)
            {
                throw reader.Corrupt($"The vectors '{index.Field.Name}' have {section.Length} bytes; {(long)rows * index.Rows.Stride} were expected.", section.Offset);
            }

            if (isPlain)
            {
                index.Rows.Grow(rows);
                var raw = new byte[index.RawBytes];
                for (var slot = 0; slot < rows; slot++)
                {
                    reader.Read(RowsFile.PlainVectors + i, plain.Length / rows * slot, raw);
                    if (has[slot] != 0)
                    {
                        index.Space.Encode(raw, index.Rows.Row(slot));
                    }
                }
            }
            else if (storage.Encryption is { } encryption)
            {
                LoadEncrypted(index, reader, RowsFile.Vectors + i, rows, Array.FindAll(has, one => one != 0).Length, encryption.Memory, () => file ??= OpenPaged(storage, name));
            }
            else if (index.IsMapped(rows))
            {
                index.Rows.Adopt(view!, section.Offset, rows, isWalked: index.Field.IndexKind != IndexKind.Flat);
            }
            else
            {
                index.Rows.Load(reader, RowsFile.Vectors + i, rows);
            }

            index.Grow(_capacity);
            for (var slot = 0; slot < rows; slot++)
            {
                if (has[slot] != 0)
                {
                    index.AddSlot(slot);
                }
            }
        }
    }

    // A plain file is mapped. Of an encrypted one the blocks are decrypted whole, or, when they are too many, by pages: then they have no address.
    private unsafe byte* OpenRows(SegmentReader reader, IStorage storage, string name, out StorageView? view, out DecryptedFile? file)
    {
        (view, file) = (null, null);
        var payloads = reader.Section(RowsFile.Payloads);
        if (storage.Encryption is null)
        {
            view = storage.Map(name);
            _heap.Keep(view);
            return view.Address + payloads.Offset;
        }

        if (DecryptWhole(reader, RowsFile.Payloads, storage.Encryption.Memory) is { } decrypted)
        {
            _heap.Keep(decrypted);
            return decrypted.Address;
        }

        file = OpenPaged(storage, name);
        _heap.Page(file, payloads.Offset + payloads.Length);
        return null;
    }

    private void LoadEncrypted(VectorIndex index, SegmentReader reader, long section, int rows, int vectors, DecryptedMemory memory, Func<DecryptedFile> openPaged)
    {
        var (offset, length) = reader.Section(section);
        var lease = index.CanBePaged(vectors) ? memory.TryTakeWhole(length) : memory.Take(length, $"The vectors '{Schema.Name}.{index.Field.Name}'");
        if (lease is null)
        {
            index.Rows.Page(openPaged(), offset, rows);
            return;
        }

        _leases.Add(lease);
        _decryptedWhole += length;
        index.Rows.Load(reader, section, rows);
    }

    private DecryptedView? DecryptWhole(SegmentReader reader, long section, DecryptedMemory memory)
    {
        if (memory.TryTakeWhole(reader.Section(section).Length) is not { } lease)
        {
            return null;
        }

        _decryptedWhole += lease.Bytes;
        return new DecryptedView(reader, section, lease);
    }

    private DecryptedFile OpenPaged(IStorage storage, string name)
    {
        var file = new DecryptedFile(storage, name);
        _paged.Add(file);
        return file;
    }

    private void LoadGraph(IStorage storage, int vector, (string Name, uint Checksum)? file, Action<string> warn)
    {
        var index = Vectors[vector];
        if (file is { } known)
        {
            try
            {
                using var reader = new SegmentReader(storage, known.Name, GraphFile.Kind, known.Checksum);
                reader.Verify();
                if (TryAdopt(index, reader, storage))
                {
                    return;
                }

                warn($"The graph of '{Schema.Name}.{index.Field.Name}' does not fit its rows and is built anew ({reader.Path}).");
            }
            catch (Exception error) when (error is DatabaseCorruptException or IOException)
            {
                warn($"The graph of '{Schema.Name}.{index.Field.Name}' is damaged and is built anew; until then searches compare every vector. {error.Message}");
            }
        }

        index.LacksDiskGraph = index.UsesDiskGraph(index.VectorCount);
        if (index.Codes is not null && _slots > 0)
        {
            index.EncodeCodes(_slots);
        }
    }

    private bool TryAdopt(VectorIndex index, SegmentReader reader, IStorage storage)
    {
        if (reader.Section(GraphFile.DiskParameters).Length > 0)
        {
            return TryAdoptDisk(index, reader, storage);
        }

        if (reader.Section(GraphFile.InvertedParameters).Length > 0)
        {
            return TryAdoptInverted(index, reader);
        }

        var parameters = reader.ReadAll<long>(GraphFile.Parameters);
        if (parameters.Length != 4 || parameters[0] != _slots || parameters[1] != index.Field.Connections || parameters[3] != (index.Codes?.Stride ?? 0)
            || reader.Section(GraphFile.Levels).Length != _slots || reader.Section(GraphFile.Links).Length != (long)_slots * 2 * index.Field.Connections * sizeof(int)
            || reader.Section(GraphFile.Codes).Length != (long)_slots * (index.Codes?.Stride ?? 0))
        {
            return false;
        }

        var levels = reader.ReadAll<byte>(GraphFile.Levels);
        var upper = reader.ReadAll<int>(GraphFile.UpperLinks);
        var graph = (index.CodeSpace ?? index.Space).CreateGraph(index.Codes ?? index.Rows, index.Field.Connections, index.Field.ConstructionEffort);
        if (_slots > 0)
        {
            graph.Links.Load(reader, GraphFile.Links, _slots);
            index.Codes?.Load(reader, GraphFile.Codes, _slots);
        }

        for (var slot = 0; slot < _slots; slot++)
        {
            if (levels[slot] != byte.MaxValue && index.States[slot] == SlotState.None)
            {
                return false;
            }
        }

        if (!graph.Restore(levels, upper, parameters[2]))
        {
            return false;
        }

        for (var slot = 0; slot < _slots; slot++)
        {
            if (levels[slot] != byte.MaxValue)
            {
                index.States[slot] = SlotState.Linked;
            }
        }

        index.Adopt(graph, _slots);
        return true;
    }

    private bool TryAdoptInverted(VectorIndex index, SegmentReader reader)
    {
        var parameters = reader.ReadAll<long>(GraphFile.InvertedParameters);
        var codes = new NativeColumn(ProductQuantizer.CodeBytesFor(index.Space.Dimensions));
        if (parameters.Length != 2 || parameters[0] != _slots || parameters[1] is < 1 or > int.MaxValue || index.Field.Element != VectorElement.Float32 || index.Codes is not null
            || reader.Section(GraphFile.CellOf).Length != (long)_slots * sizeof(int) || reader.Section(GraphFile.PartCodes).Length != (long)_slots * codes.Stride
            || reader.Section(GraphFile.Cells).Length > (long)InvertedFile.LargestCells * index.Space.Dimensions * sizeof(float))
        {
            return false;
        }

        var cellOf = reader.ReadAll<int>(GraphFile.CellOf);
        codes.Load(reader, GraphFile.PartCodes, _slots);
        for (var slot = 0; slot < _slots; slot++)
        {
            if (cellOf[slot] >= 0 && index.States[slot] == SlotState.None)
            {
                return false;
            }
        }

        var file = InvertedFile.Restore(index.Space, index.Field.DistanceFunction, index.Rows, reader.ReadAll<float>(GraphFile.Cells), reader.ReadAll<float>(GraphFile.Parts), cellOf, codes, (int)parameters[1]);
        if (file is null)
        {
            return false;
        }

        for (var slot = 0; slot < _slots; slot++)
        {
            if (cellOf[slot] >= 0)
            {
                index.States[slot] = SlotState.Linked;
            }
        }

        index.Adopt(file, _slots);
        return true;
    }

    private unsafe bool TryAdoptDisk(VectorIndex index, SegmentReader reader, IStorage storage)
    {
        var parameters = reader.ReadAll<long>(GraphFile.DiskParameters);
        if (parameters.Length != 6 || parameters[0] != _slots || parameters[1] != 2 * index.Field.Connections || parameters[2] < 0 || parameters[2] >= _slots || parameters[3] is < 1 or > int.MaxValue
            || parameters[5] != index.Space.RowBytes || index.Field.Element != VectorElement.Float32 || index.Codes is not null || index.States[(int)parameters[2]] == SlotState.None)
        {
            return false;
        }

        var longest = BitConverter.UInt32BitsToSingle((uint)parameters[4]);
        var form = new EuclideanForm(index.Space, index.Field.DistanceFunction, longest);
        var layout = new DiskNodeLayout(index.Space.RowBytes, (int)parameters[1]);
        var nodes = reader.Section(GraphFile.DiskNodes);
        if (!float.IsFinite(longest) || nodes.Length != layout.BytesFor(_slots) || ProductQuantizer.Restore(reader.ReadAll<float>(GraphFile.Parts), form.Dimensions) is not { } quantizer
            || reader.Section(GraphFile.PartCodes).Length != (long)_slots * quantizer.CodeBytes)
        {
            return false;
        }

        var codes = new NativeColumn(quantizer.CodeBytes);
        codes.Load(reader, GraphFile.PartCodes, _slots);
        var count = 0;
        for (var slot = 0; slot < _slots; slot++)
        {
            if (!quantizer.IsCode(new ReadOnlySpan<byte>(codes.Row(slot), codes.Stride)))
            {
                return false;
            }

            count += index.States[slot] == SlotState.None ? 0 : 1;
        }

        for (var slot = 0; slot < _slots; slot++)
        {
            if (index.States[slot] != SlotState.None)
            {
                index.States[slot] = SlotState.Linked;
            }
        }

        var content = new DiskGraphContent(quantizer, codes, (int)parameters[2], (int)parameters[1], (int)parameters[3], longest);
        index.Adopt(new DiskGraph(index.Field, index.Space, index.Rows, content, _slots, count, OpenNodes(reader, storage)), _slots);
        return true;
    }

    // As with the rows: a plain file is mapped; of an encrypted one the nodes are decrypted whole or by pages.
    private unsafe DiskNodes OpenNodes(SegmentReader reader, IStorage storage)
    {
        var nodes = reader.Section(GraphFile.DiskNodes);
        if (storage.Encryption is { } encryption)
        {
            return DecryptWhole(reader, GraphFile.DiskNodes, encryption.Memory) is { } whole ? new DiskNodes(whole, whole.Address) : new DiskNodes(OpenPaged(storage, reader.Name), nodes.Offset);
        }

        var view = storage.Map(reader.Name);
        if (view.Length < nodes.Offset + nodes.Length)
        {
            throw reader.Corrupt("The file became shorter while it was read.", nodes.Offset);
        }

        return new DiskNodes(view, view.Address + nodes.Offset);
    }
}
